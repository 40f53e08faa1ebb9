// SPDX-License-Identifier: Apache-2.0
// Counts latencies in buckets whose width grows with their value (as HdrHistogram does): fixed
// memory, a few instructions per value, and no percentile is more than 1/128 above the truth.
#pragma once

#include <cstdint>
#include <vector>

namespace neso {

class LatencyHistogram {
 public:
  LatencyHistogram();

  void record(int64_t ns);  // below 0 counts as 0
  void merge(const LatencyHistogram& other);

  uint64_t count() const { return count_; }
  int64_t max_ns() const { return max_ns_; }  // exact
  double mean_ns() const;                     // exact
  // The smallest value that at least this share (0 .. 1) of all does not exceed, rounded up to the
  // end of its bucket. 0 when there is none.
  int64_t quantile_ns(double share) const;

 private:
  std::vector<uint64_t> buckets_;
  uint64_t count_ = 0;
  int64_t max_ns_ = 0;
  double sum_ns_ = 0;
};

}  // namespace neso
