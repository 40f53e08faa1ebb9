// SPDX-License-Identifier: Apache-2.0
// Counters, gauges, histograms and summaries in Prometheus' text format. Families are declared
// once; a series lives while someone holds it.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/metric_series.h"
#include "base/thread_annotations.h"

namespace neso {

using MetricLabels = std::vector<std::pair<std::string, std::string>>;

// What the server's owner wants counted beyond the plain counters (--metrics-config).
struct MetricSettings {
  bool counter_latencies = true;     // nv_*_duration_us and the durations of caches
  bool histogram_latencies = false;  // nv_*_histogram_ms
  bool summary_latencies = false;    // nv_*_summary_us
  std::vector<double> summary_quantiles = {0.5, 0.9, 0.95, 0.99, 0.999};
};

// One counter or gauge. Any thread.
class Metric final : public MetricSeries {
 public:
  void add(double delta) { value_.fetch_add(delta, std::memory_order_relaxed); }
  void set(double value) { value_.store(value, std::memory_order_relaxed); }
  double value() const { return value_.load(std::memory_order_relaxed); }
  void write(const MetricLines& lines) const override { lines.add("", value()); }

 private:
  std::atomic<double> value_{0};
};

class Clock;
class HistogramMetric;
class SummaryMetric;

enum class MetricKind { Counter, Gauge, Histogram, Summary };

// The families of one server and their text. Any thread.
class MetricRegistry {
 public:
  explicit MetricRegistry(MetricSettings settings = {}) : settings_(std::move(settings)) {}
  const MetricSettings& settings() const { return settings_; }

  // The series of `family` with these labels; the same pointer while it lives. It disappears from
  // the text when the last holder lets go. The first call of a family fixes its kind and help.
  std::shared_ptr<Metric> series(std::string_view family, MetricKind kind, std::string_view help,
                                 MetricLabels labels) EXCLUDES(mutex_);
  // The same, but it stays, with its value, as long as the registry does.
  std::shared_ptr<Metric> lasting_series(std::string_view family, MetricKind kind,
                                         std::string_view help, MetricLabels labels)
      EXCLUDES(mutex_);
  // `bounds`: the upper ends of the buckets, ascending.
  std::shared_ptr<HistogramMetric> histogram(std::string_view family, std::string_view help,
                                             MetricLabels labels, std::vector<double> bounds)
      EXCLUDES(mutex_);
  // Of settings().summary_quantiles. `clock` outlives the series.
  std::shared_ptr<SummaryMetric> summary(std::string_view family, std::string_view help,
                                         MetricLabels labels, const Clock& clock) EXCLUDES(mutex_);
  // A series that asks for its value when it is read, one thread at a time.
  std::shared_ptr<MetricSeries> computed(std::string_view family, MetricKind kind,
                                         std::string_view help, std::function<double()> value,
                                         MetricLabels labels = {}) EXCLUDES(mutex_);

  // "# HELP", "# TYPE" and the living series, families and labels sorted by name; a family without
  // one is left out.
  std::string text() const EXCLUDES(mutex_);

 private:
  struct Family {
    MetricKind kind;
    std::string help;
    std::map<std::string, std::weak_ptr<MetricSeries>> series;  // key: rendered labels
  };
  // The living series with these labels, or a new one.
  template <typename Series, typename Make>
  std::shared_ptr<Series> find_or_add(std::string_view family, MetricKind kind,
                                      std::string_view help, MetricLabels labels, const Make& make)
      EXCLUDES(mutex_);

  const MetricSettings settings_;
  mutable Mutex mutex_;
  std::map<std::string, Family, std::less<>> families_ GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<MetricSeries>> lasting_ GUARDED_BY(mutex_);
};

}  // namespace neso
