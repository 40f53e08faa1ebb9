// SPDX-License-Identifier: Apache-2.0
#include "base/metric_summary.h"

#include <limits>
#include <utility>

namespace neso {

SummaryMetric::SummaryMetric(std::vector<double> quantiles, const Clock& clock)
    : quantiles_(std::move(quantiles)), clock_(clock) {}

void SummaryMetric::observe(int64_t value) {
  const int64_t number = clock_.now_ns() / kSliceNs;
  MutexLock lock(mutex_);
  Slice& slice = slices_[static_cast<size_t>(number) % kSlices];
  if (slice.number != number || slice.values == nullptr) {
    slice.values = std::make_unique<LatencyHistogram>();
    slice.number = number;
  }
  slice.values->record(value);
  ++count_;
  sum_ += static_cast<double>(value);
}

void SummaryMetric::write(const MetricLines& lines) const {
  const int64_t number = clock_.now_ns() / kSliceNs;
  LatencyHistogram recent;
  MutexLock lock(mutex_);
  for (Slice& slice : slices_) {
    if (slice.values == nullptr) continue;
    if (slice.number + static_cast<int64_t>(kSlices) <= number) {
      slice.values.reset();
    } else {
      recent.merge(*slice.values);
    }
  }
  for (const double quantile : quantiles_) {
    const double value = recent.count() == 0 ? std::numeric_limits<double>::quiet_NaN()
                                             : static_cast<double>(recent.quantile_ns(quantile));
    lines.add("", "quantile", quantile, value);
  }
  lines.add("_sum", sum_);
  lines.add("_count", static_cast<double>(count_));
}

}  // namespace neso
