// SPDX-License-Identifier: Apache-2.0
#include "scheduling/run_times.h"

#include <algorithm>

namespace neso {
namespace {

// Waking a thread and coming back to this one takes a good part of it.
constexpr double kShortNs = 50e3;
// More is not told apart: a thread that was interrupted says nothing about the model, as long as
// less than one run in ten is.
constexpr double kMostNs = 10 * kShortNs;
constexpr int kMemory = 16;

}  // namespace

void RunTimes::ran(int64_t ns) {
  if (seen_ < kMemory) ++seen_;
  mean_ns_ += (std::min(static_cast<double>(ns), kMostNs) - mean_ns_) / seen_;
}

bool RunTimes::are_short() const {
  return seen_ == kMemory && mean_ns_ < kShortNs;
}

}  // namespace neso
