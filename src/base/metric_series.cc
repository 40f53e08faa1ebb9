// SPDX-License-Identifier: Apache-2.0
// Prometheus text exposition format, version 0.0.4: the lines of samples.
#include "base/metric_series.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <iterator>

namespace neso {

std::string metric_value_text(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  constexpr double kExactIntegers = 9007199254740992.0;  // 2^53
  if (std::abs(value) <= kExactIntegers && std::trunc(value) == value) {
    return fmt::format("{}", static_cast<int64_t>(value));
  }
  return fmt::format("{}", value);
}

void MetricLines::add(std::string_view suffix, double value) const {
  fmt::format_to(std::back_inserter(out_), "{}{}{} {}\n", family_, suffix, labels_,
                 metric_value_text(value));
}

void MetricLines::add(std::string_view suffix, std::string_view label, double label_value,
                      double value) const {
  const std::string_view others = labels_.empty() ? labels_ : labels_.substr(1, labels_.size() - 2);
  fmt::format_to(std::back_inserter(out_), "{}{}{{{}{}{}=\"{}\"}} {}\n", family_, suffix, others,
                 others.empty() ? "" : ",", label, metric_value_text(label_value),
                 metric_value_text(value));
}

}  // namespace neso
