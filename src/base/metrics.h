// SPDX-License-Identifier: Apache-2.0
// Counters and gauges in Prometheus' text format. Families are declared once; a series lives while
// someone holds it.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/thread_annotations.h"

namespace neso {

using MetricLabels = std::vector<std::pair<std::string, std::string>>;

// One series. Any thread.
class Metric {
 public:
  void add(double delta) { value_.fetch_add(delta, std::memory_order_relaxed); }
  void set(double value) { value_.store(value, std::memory_order_relaxed); }
  double value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

enum class MetricKind { Counter, Gauge };

// The families of one server and their text. Any thread.
class MetricRegistry {
 public:
  // The series of `family` with these labels; the same pointer while it lives. It disappears from
  // the text when the last holder lets go. The first call of a family fixes its kind and help.
  std::shared_ptr<Metric> series(std::string_view family, MetricKind kind, std::string_view help,
                                 MetricLabels labels) EXCLUDES(mutex_);
  // "# HELP", "# TYPE" and the living series, families and labels sorted by name; a family without
  // one is left out.
  std::string text() const EXCLUDES(mutex_);

 private:
  struct Family {
    MetricKind kind;
    std::string help;
    std::map<std::string, std::weak_ptr<Metric>> series;  // key: rendered labels
  };
  mutable Mutex mutex_;
  std::map<std::string, Family, std::less<>> families_ GUARDED_BY(mutex_);
};

}  // namespace neso
