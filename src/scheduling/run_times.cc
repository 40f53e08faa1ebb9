// SPDX-License-Identifier: Apache-2.0
#include "scheduling/run_times.h"

namespace neso {
namespace {

// Waking a thread and coming back to this one takes a good part of it.
constexpr double kShortNs = 50e3;
// One that was interrupted for a millisecond is forgotten after fifty more.
constexpr int kMemory = 16;

}  // namespace

void RunTimes::ran(int64_t ns) {
  if (seen_ < kMemory) ++seen_;
  mean_ns_ += (static_cast<double>(ns) - mean_ns_) / seen_;
}

bool RunTimes::are_short() const {
  return seen_ == kMemory && mean_ns_ < kShortNs;
}

}  // namespace neso
