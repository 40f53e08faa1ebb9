// SPDX-License-Identifier: Apache-2.0
#include "base/metric_histogram.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <utility>

namespace neso {

HistogramMetric::HistogramMetric(std::vector<double> bounds)
    : bounds_(std::move(bounds)), counts_(bounds_.size() + 1) {}

void HistogramMetric::observe(double value, uint64_t times) {
  const auto bucket = std::ranges::lower_bound(bounds_, value) - bounds_.begin();
  counts_[static_cast<size_t>(bucket)].fetch_add(times, std::memory_order_relaxed);
  sum_.fetch_add(value * static_cast<double>(times), std::memory_order_relaxed);
}

void HistogramMetric::write(const MetricLines& lines) const {
  uint64_t count = 0;
  for (size_t i = 0; i < counts_.size(); ++i) {
    count += counts_[i].load(std::memory_order_relaxed);
    const double bound = i < bounds_.size() ? bounds_[i] : std::numeric_limits<double>::infinity();
    lines.add("_bucket", "le", bound, static_cast<double>(count));
  }
  lines.add("_sum", sum_.load(std::memory_order_relaxed));
  lines.add("_count", static_cast<double>(count));
}

}  // namespace neso
