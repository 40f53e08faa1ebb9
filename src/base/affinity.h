// SPDX-License-Identifier: Apache-2.0
// On which cores threads run: by their numbers, as Linux counts them.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace neso {

// A list as Linux writes it, "0-3,8": ascending, each once. nullopt: it is none, or one of no core
// at all.
std::optional<std::vector<int>> parse_core_list(std::string_view text);
// The same as text. `cores` ascend.
std::string core_list(std::span<const int> cores);

// Those that the calling thread may run on; none when the system does not say, as on machines with
// more CPUs than cpu_set_t has bits.
std::vector<int> allowed_cores();

// From now on the calling thread runs on these only, and so do the threads that it starts.
Result<> bind_this_thread(std::span<const int> cores);

// Lets the thread that makes it run elsewhere, and puts it back at its own end.
class BoundThread {
 public:
  BoundThread() : before_(allowed_cores()) {}
  ~BoundThread();
  BoundThread(const BoundThread&) = delete;
  BoundThread& operator=(const BoundThread&) = delete;

  const std::vector<int>& before() const { return before_; }
  // None: where it ran before.
  Result<> bind(std::span<const int> cores);

 private:
  const std::vector<int> before_;
  bool bound_ = false;
};

}  // namespace neso
