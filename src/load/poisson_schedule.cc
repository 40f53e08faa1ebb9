// SPDX-License-Identifier: Apache-2.0
#include "load/poisson_schedule.h"

#include <cmath>

namespace neso::load {

PoissonSchedule::PoissonSchedule(double rate_per_s, int64_t start_ns, uint64_t seed)
    : mean_gap_ns_(1e9 / rate_per_s), start_ns_(start_ns), random_(seed) {
  advance();
}

// The standard library's distributions differ between implementations.
void PoissonSchedule::advance() {
  const double uniform = (static_cast<double>(random_() >> 11) + 0.5) * 0x1.0p-53;
  offset_ns_ -= std::log(uniform) * mean_gap_ns_;
}

}  // namespace neso::load
