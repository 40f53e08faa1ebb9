// SPDX-License-Identifier: Apache-2.0
// Prometheus text exposition format, version 0.0.4.
#include "base/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iterator>

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

// Integral values without point or exponent, others with the fewest digits that read back the same.
std::string value_text(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  constexpr double kExactIntegers = 9007199254740992.0;  // 2^53
  if (std::abs(value) <= kExactIntegers && std::trunc(value) == value) {
    return fmt::format("{}", static_cast<int64_t>(value));
  }
  return fmt::format("{}", value);
}

}  // namespace

std::shared_ptr<Metric> MetricRegistry::series(std::string_view family, MetricKind kind,
                                               std::string_view help, MetricLabels labels) {
  const std::string key = rendered(std::move(labels));
  MutexLock lock(mutex_);
  auto it = families_.find(family);
  if (it == families_.end()) {
    it = families_.emplace(std::string(family), Family{kind, std::string(help), {}}).first;
  }
  auto& series = it->second.series;
  if (const auto found = series.find(key); found != series.end()) {
    if (auto living = found->second.lock()) return living;
  }
  // A new series is rare (a model was loaded): the moment to forget those of models long gone.
  std::erase_if(series, [](const auto& entry) { return entry.second.expired(); });
  auto created = std::make_shared<Metric>();
  series[key] = created;
  return created;
}

std::string MetricRegistry::text() const {
  std::string out;
  MutexLock lock(mutex_);
  for (const auto& [name, family] : families_) {
    bool announced = false;
    for (const auto& [labels, weak] : family.series) {
      const std::shared_ptr<Metric> metric = weak.lock();
      if (metric == nullptr) continue;
      if (!announced) {
        const std::string_view kind = family.kind == MetricKind::Counter ? "counter" : "gauge";
        fmt::format_to(std::back_inserter(out), "# HELP {0} {1}\n# TYPE {0} {2}\n", name,
                       escaped(family.help, false), kind);
        announced = true;
      }
      fmt::format_to(std::back_inserter(out), "{}{} {}\n", name, labels,
                     value_text(metric->value()));
    }
  }
  return out;
}

}  // namespace neso
