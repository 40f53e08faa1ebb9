// SPDX-License-Identifier: Apache-2.0
// A Prometheus summary: quantiles of the values of the last minute, and the count and sum of all.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/latency_histogram.h"
#include "base/metric_series.h"
#include "base/thread_annotations.h"

namespace neso {

// Any thread. Memory is taken with the first value, and given back by a read after a minute without
// one.
class SummaryMetric final : public MetricSeries {
 public:
  // `clock` outlives it.
  SummaryMetric(std::vector<double> quantiles, const Clock& clock);

  void observe(int64_t value) EXCLUDES(mutex_);  // not negative
  // Quantiles of no value are NaN.
  void write(const MetricLines& lines) const override EXCLUDES(mutex_);

 private:
  // The minute in slices, each overwritten when its turn comes again.
  static constexpr int64_t kSliceNs = 12'000'000'000;
  static constexpr size_t kSlices = 5;
  struct Slice {
    int64_t number = -1;  // of the slice of time that it holds
    std::unique_ptr<LatencyHistogram> values;
  };

  const std::vector<double> quantiles_;
  const Clock& clock_;
  mutable Mutex mutex_;
  mutable std::array<Slice, kSlices> slices_ GUARDED_BY(mutex_);
  uint64_t count_ GUARDED_BY(mutex_) = 0;
  double sum_ GUARDED_BY(mutex_) = 0;
};

}  // namespace neso
