// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <chrono>

namespace neso {
namespace {

class SystemClock final : public Clock {
 public:
  int64_t now_ns() const override {
    using std::chrono::steady_clock;
    return std::chrono::nanoseconds(steady_clock::now().time_since_epoch()).count();
  }
  int64_t wall_us() const override {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
  }
};

}  // namespace

const Clock& system_clock() {
  static const SystemClock clock;
  return clock;
}

}  // namespace neso
