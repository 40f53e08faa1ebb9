// SPDX-License-Identifier: Apache-2.0
// Time as a dependency: whoever needs it is given a Clock, so tests set it and no policy sleeps.
#pragma once

#include <atomic>
#include <cstdint>

namespace neso {

class Clock {
 public:
  virtual ~Clock() = default;
  // Monotonic, from an arbitrary start. Any thread.
  virtual int64_t now_ns() const = 0;
  // Wall time since the Unix epoch; may jump. Only for stamps shown to people. Any thread.
  virtual int64_t wall_us() const = 0;
};

// The machine's clock; lives for the whole program.
const Clock& system_clock();

// A clock that stands still until told. Any thread.
class ManualClock final : public Clock {
 public:
  int64_t now_ns() const override { return now_ns_.load(); }
  int64_t wall_us() const override { return now_ns_.load() / 1000; }
  void advance_ns(int64_t delta) { now_ns_.fetch_add(delta); }

 private:
  std::atomic<int64_t> now_ns_{1'000'000'000};
};

}  // namespace neso
