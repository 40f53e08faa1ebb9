// SPDX-License-Identifier: Apache-2.0
// A Prometheus histogram: how many values were at most as large as each bound.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "base/metric_series.h"

namespace neso {

// Any thread; values that are being added may be in some of the lines and not yet in others.
class HistogramMetric final : public MetricSeries {
 public:
  // The upper ends of the buckets, ascending; one more takes what is above the last.
  explicit HistogramMetric(std::vector<double> bounds);

  // Adds a value `times` times.
  void observe(double value, uint64_t times = 1);
  void write(const MetricLines& lines) const override;

 private:
  const std::vector<double> bounds_;
  std::vector<std::atomic<uint64_t>> counts_;  // per bucket, not cumulative
  std::atomic<double> sum_ = 0;
};

}  // namespace neso
