// SPDX-License-Identifier: Apache-2.0
#include "base/latency_histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>

namespace neso {
namespace {

// Values below 2 * kSteps have a bucket each; above, every power of two is kSteps buckets.
constexpr int kStepBits = 7;
constexpr uint64_t kSteps = uint64_t{1} << kStepBits;
constexpr size_t kBuckets = (64 - kStepBits) * kSteps;

size_t bucket_of(uint64_t value) {
  const int shift = std::max(0, static_cast<int>(std::bit_width(value)) - kStepBits - 1);
  return static_cast<size_t>(static_cast<uint64_t>(shift) * kSteps + (value >> shift));
}

// The largest value of the bucket.
uint64_t end_of(size_t bucket) {
  if (bucket < 2 * kSteps) return bucket;
  const uint64_t shift = bucket / kSteps - 1;
  return ((bucket - shift * kSteps + 1) << shift) - 1;
}

}  // namespace

LatencyHistogram::LatencyHistogram() : buckets_(kBuckets) {}

void LatencyHistogram::record(int64_t ns) {
  ns = std::max<int64_t>(ns, 0);
  ++buckets_[bucket_of(static_cast<uint64_t>(ns))];
  ++count_;
  max_ns_ = std::max(max_ns_, ns);
  sum_ns_ += static_cast<double>(ns);
}

void LatencyHistogram::merge(const LatencyHistogram& other) {
  for (size_t i = 0; i < buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  max_ns_ = std::max(max_ns_, other.max_ns_);
  sum_ns_ += other.sum_ns_;
}

double LatencyHistogram::mean_ns() const {
  return count_ == 0 ? 0 : sum_ns_ / static_cast<double>(count_);
}

int64_t LatencyHistogram::quantile_ns(double share) const {
  const double wanted = std::ceil(std::clamp(share, 0.0, 1.0) * static_cast<double>(count_));
  const uint64_t rank = std::max<uint64_t>(static_cast<uint64_t>(wanted), 1);
  uint64_t seen = 0;
  for (size_t i = 0; i < buckets_.size(); ++i) {
    seen += buckets_[i];
    if (seen >= rank) return std::min(static_cast<int64_t>(end_of(i)), max_ns_);
  }
  return max_ns_;
}

}  // namespace neso
