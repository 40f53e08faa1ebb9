// SPDX-License-Identifier: Apache-2.0
// One series of a metric family and how it is written down in Prometheus' text format.
#pragma once

#include <string>
#include <string_view>

namespace neso {

// Where the lines of one series go.
class MetricLines {
 public:
  // `labels`: as rendered, "{a="b"}" or empty. All three outlive this.
  MetricLines(std::string& out, std::string_view family, std::string_view labels)
      : out_(out), family_(family), labels_(labels) {}
  // "FAMILY+SUFFIX{labels} VALUE".
  void add(std::string_view suffix, double value) const;
  // The same with one label more, at the end.
  void add(std::string_view suffix, std::string_view label, double label_value, double value) const;

 private:
  std::string& out_;
  const std::string_view family_;
  const std::string_view labels_;
};

class MetricSeries {
 public:
  MetricSeries() = default;
  MetricSeries(const MetricSeries&) = delete;
  MetricSeries& operator=(const MetricSeries&) = delete;
  virtual ~MetricSeries() = default;
  virtual void write(const MetricLines& lines) const = 0;
};

// Integral values without point or exponent, others with the fewest digits that read back the same.
std::string metric_value_text(double value);

}  // namespace neso
