// SPDX-License-Identifier: Apache-2.0
// When the requests of an open loop are due: a Poisson process, whose gaps are exponential, as
// those between the requests of many clients who know nothing of each other.
#pragma once

#include <cstdint>
#include <random>

namespace neso::load {

class PoissonSchedule {
 public:
  PoissonSchedule(double rate_per_s, int64_t start_ns, uint64_t seed);

  // When the next one is due; never before the one before it.
  int64_t next_ns() const { return start_ns_ + static_cast<int64_t>(offset_ns_); }
  void advance();

 private:
  double mean_gap_ns_;
  int64_t start_ns_;
  double offset_ns_ = 0;
  std::mt19937_64 random_;
};

}  // namespace neso::load
