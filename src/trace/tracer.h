// SPDX-License-Identifier: Apache-2.0
// Which requests are traced: the global setting, the models' own, and how they fall back
// (Triton's server/src/tracer.cc). Any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/thread_annotations.h"
#include "config/trace_options.h"
#include "trace/trace.h"
#include "trace/trace_change.h"

namespace neso {

class Tracer {
 public:
  // Without a sink nothing is traced, whatever the settings say.
  explicit Tracer(TraceOptions options, std::shared_ptr<TraceSink> sink = nullptr);
  // Closes the sink. Traces that are under way may end later: they are dropped.
  ~Tracer();
  Tracer(const Tracer&) = delete;
  Tracer& operator=(const Tracer&) = delete;

  // Null for a request that is not traced: nearly always, and then it costs one load.
  std::shared_ptr<Trace> sample(std::string_view model,
                                const std::optional<TraceContext>& caller = std::nullopt);
  // False: sample() answers null, so nobody needs to look for a caller's context.
  bool active() const { return active_.load(std::memory_order_relaxed); }

  // An empty model: the global setting.
  TraceRows rows(std::string_view model) const EXCLUDES(mutex_);
  // All of the change, or none of it.
  Result<> change(std::string_view model, const TraceChange& change) EXCLUDES(mutex_);

 private:
  // A setting in force, and which of its values are its own.
  struct Setting {
    std::shared_ptr<TraceSeries> series;
    bool own_level = false, own_rate = false, own_count = false, own_log_frequency = false;
    bool falls_back() const { return !(own_level && own_rate && own_count && own_log_frequency); }
    bool empty() const { return !(own_level || own_rate || own_count || own_log_frequency); }
  };
  static TraceSettings now(const Setting& setting);
  static Setting changed(const Setting& before, const TraceSettings& fallback,
                         const TraceChange& change);
  bool valid(const TraceSettings& settings) const;
  Result<> check(const Setting& setting, const TraceChange& change) const;
  void replace(Setting& place, Setting with) REQUIRES(mutex_);
  Result<> change_model(std::string_view model, const TraceChange& change) REQUIRES(mutex_);
  const Setting& setting_of(std::string_view model) const REQUIRES(mutex_);
  void update_active() REQUIRES(mutex_);

  const TraceOptions options_;
  const std::shared_ptr<TraceSink> sink_;
  std::atomic<uint64_t>& ids_;
  std::atomic<bool> active_ = false;
  mutable Mutex mutex_;
  Setting global_ GUARDED_BY(mutex_);
  std::map<std::string, Setting, std::less<>> models_ GUARDED_BY(mutex_);
};

}  // namespace neso
