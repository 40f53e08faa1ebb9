// SPDX-License-Identifier: Apache-2.0
// Prometheus text exposition format, version 0.0.4: families and labels.
#include "base/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/clock.h"
#include "base/metric_histogram.h"
#include "base/metric_summary.h"

namespace neso {
namespace {

// Backslash, line feed and, in label values, the quotation mark are escaped; all else is copied.
std::string escaped(std::string_view text, bool quotes) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && quotes) {
      out += "\\\"";
    } else {
      out += c;
    }
  }
  return out;
}

// `{model="bert",version="1"}`, labels sorted by name; nothing for no labels.
std::string rendered(MetricLabels labels) {
  if (labels.empty()) return {};
  std::ranges::sort(labels);
  std::string out;
  for (const auto& [name, value] : labels) {
    out += out.empty() ? '{' : ',';
    fmt::format_to(std::back_inserter(out), "{}=\"{}\"", name, escaped(value, true));
  }
  out += '}';
  return out;
}

std::string_view kind_name(MetricKind kind) {
  switch (kind) {
    case MetricKind::Counter:
      return "counter";
    case MetricKind::Gauge:
      return "gauge";
    case MetricKind::Histogram:
      return "histogram";
    case MetricKind::Summary:
      break;
  }
  return "summary";
}

class ComputedMetric final : public MetricSeries {
 public:
  explicit ComputedMetric(std::function<double()> value) : value_(std::move(value)) {}
  void write(const MetricLines& lines) const override { lines.add("", value_()); }

 private:
  const std::function<double()> value_;
};

}  // namespace

template <typename Series, typename Make>
std::shared_ptr<Series> MetricRegistry::find_or_add(std::string_view family, MetricKind kind,
                                                    std::string_view help, MetricLabels labels,
                                                    const Make& make) {
  const std::string key = rendered(std::move(labels));
  MutexLock lock(mutex_);
  auto it = families_.find(family);
  if (it == families_.end()) {
    it = families_.emplace(std::string(family), Family{kind, std::string(help), {}}).first;
  }
  auto& series = it->second.series;
  if (const auto found = series.find(key); found != series.end()) {
    if (auto living = std::dynamic_pointer_cast<Series>(found->second.lock())) return living;
  }
  // A new series is rare (a model was loaded): the moment to forget those of models long gone.
  std::erase_if(series, [](const auto& entry) { return entry.second.expired(); });
  std::shared_ptr<Series> created = make();
  series[key] = created;
  return created;
}

std::shared_ptr<Metric> MetricRegistry::series(std::string_view family, MetricKind kind,
                                               std::string_view help, MetricLabels labels) {
  return find_or_add<Metric>(family, kind, help, std::move(labels),
                             [] { return std::make_shared<Metric>(); });
}

std::shared_ptr<Metric> MetricRegistry::lasting_series(std::string_view family, MetricKind kind,
                                                       std::string_view help, MetricLabels labels) {
  std::shared_ptr<Metric> metric = series(family, kind, help, std::move(labels));
  MutexLock lock(mutex_);
  if (std::ranges::find(lasting_, metric) == lasting_.end()) lasting_.push_back(metric);
  return metric;
}

std::shared_ptr<HistogramMetric> MetricRegistry::histogram(std::string_view family,
                                                           std::string_view help,
                                                           MetricLabels labels,
                                                           std::vector<double> bounds) {
  return find_or_add<HistogramMetric>(family, MetricKind::Histogram, help, std::move(labels), [&] {
    return std::make_shared<HistogramMetric>(std::move(bounds));
  });
}

std::shared_ptr<SummaryMetric> MetricRegistry::summary(std::string_view family,
                                                       std::string_view help, MetricLabels labels,
                                                       const Clock& clock) {
  return find_or_add<SummaryMetric>(family, MetricKind::Summary, help, std::move(labels), [&] {
    return std::make_shared<SummaryMetric>(settings_.summary_quantiles, clock);
  });
}

std::shared_ptr<MetricSeries> MetricRegistry::computed(std::string_view family, MetricKind kind,
                                                       std::string_view help,
                                                       std::function<double()> value,
                                                       MetricLabels labels) {
  return find_or_add<MetricSeries>(family, kind, help, std::move(labels), [&] {
    return std::make_shared<ComputedMetric>(std::move(value));
  });
}

std::string MetricRegistry::text() const {
  std::string out;
  MutexLock lock(mutex_);
  for (const auto& [name, family] : families_) {
    bool announced = false;
    for (const auto& [labels, weak] : family.series) {
      const std::shared_ptr<MetricSeries> series = weak.lock();
      if (series == nullptr) continue;
      if (!std::exchange(announced, true)) {
        fmt::format_to(std::back_inserter(out), "# HELP {0} {1}\n# TYPE {0} {2}\n", name,
                       escaped(family.help, false), kind_name(family.kind));
      }
      series->write(MetricLines(out, name, labels));
    }
  }
  return out;
}

}  // namespace neso
