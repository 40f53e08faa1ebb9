// SPDX-License-Identifier: Apache-2.0
#include "trace/tracer.h"

#include <algorithm>
#include <ranges>
#include <utility>

#include "base/error.h"

namespace neso {
namespace {

// Of the whole process, because traces may outlive their tracer.
std::atomic<uint64_t> trace_ids = 0;

// Takes one of those that remain; false when none does.
bool take_one(std::atomic<int32_t>& remaining) {
  int32_t left = remaining.load();
  while (left > 0) {
    if (remaining.compare_exchange_weak(left, left - 1)) return true;
  }
  return left < 0;
}

template <typename T>
void apply(const std::optional<std::optional<T>>& change, T& value, bool& own, const T& before) {
  if (change) {
    own = change->has_value();
    if (own) value = **change;
  } else if (own) {
    value = before;
  }
}

}  // namespace

Tracer::Tracer(TraceOptions options, std::shared_ptr<TraceSink> sink)
    : options_(std::move(options)), sink_(std::move(sink)), ids_(trace_ids) {
  MutexLock lock(mutex_);
  global_.series = std::make_shared<TraceSeries>(options_.settings);
  update_active();
}

Tracer::~Tracer() {
  if (sink_) sink_->close();
}

std::shared_ptr<Trace> Tracer::sample(std::string_view model,
                                      const std::optional<TraceContext>& caller) {
  if (!active()) return nullptr;
  std::shared_ptr<TraceSeries> series;
  {
    MutexLock lock(mutex_);
    series = setting_of(model).series;
  }
  if (!valid(series->settings)) return nullptr;
  // A client that traces wants to see its request here, too.
  const bool asked_for = options_.mode == TraceMode::OpenTelemetry && caller && caller->sampled;
  const uint32_t rate = series->settings.rate;
  const bool hit =
      rate != 0 && (series->requests.fetch_add(1) + 1) % rate == 0 && take_one(series->remaining);
  if (!hit && !asked_for) return nullptr;
  ++series->created;
  return Trace::begin(std::move(series), caller, sink_, ids_);
}

TraceRows Tracer::rows(std::string_view model) const {
  MutexLock lock(mutex_);
  return trace_rows(now(setting_of(model)), options_);
}

Result<> Tracer::change(std::string_view model, const TraceChange& change) {
  MutexLock lock(mutex_);
  if (!model.empty()) {
    NESO_TRY_VOID(change_model(model, change));
  } else {
    Setting setting = changed(global_, options_.settings, change);
    NESO_TRY_VOID(check(setting, change));
    replace(global_, std::move(setting));
    // Models that share some of its values follow.
    for (Setting& own : models_ | std::views::values) {
      if (own.falls_back()) replace(own, changed(own, now(global_), {}));
    }
  }
  update_active();
  return {};
}

Result<> Tracer::change_model(std::string_view model, const TraceChange& change) {
  const auto known = models_.find(model);
  Setting setting =
      changed(known == models_.end() ? Setting{} : known->second, now(global_), change);
  if (setting.empty()) {
    if (known == models_.end()) return {};
    if (sink_) sink_->ended(known->second.series);
    models_.erase(known);
    return {};
  }
  NESO_TRY_VOID(check(setting, change));
  replace(known == models_.end() ? models_[std::string(model)] : known->second, std::move(setting));
  return {};
}

TraceSettings Tracer::now(const Setting& setting) {
  TraceSettings settings = setting.series->settings;
  settings.count = setting.series->remaining;
  return settings;
}

Tracer::Setting Tracer::changed(const Setting& before, const TraceSettings& fallback,
                                const TraceChange& change) {
  Setting setting = before;
  const TraceSettings old = before.series ? now(before) : fallback;
  TraceSettings settings = fallback;
  apply(change.level, settings.level, setting.own_level, old.level);
  apply(change.rate, settings.rate, setting.own_rate, old.rate);
  apply(change.count, settings.count, setting.own_count, old.count);
  apply(change.log_frequency, settings.log_frequency, setting.own_log_frequency, old.log_frequency);
  setting.series = std::make_shared<TraceSeries>(settings);
  return setting;
}

bool Tracer::valid(const TraceSettings& settings) const {
  if (!sink_ || settings.level.off()) return false;
  return options_.mode == TraceMode::OpenTelemetry || settings.rate != 0;
}

// What is off may say anything else. A rate of 0 is for the command line alone.
Result<> Tracer::check(const Setting& setting, const TraceChange& change) const {
  const TraceSettings& settings = setting.series->settings;
  if (settings.level.off()) return {};
  const auto refuse = [](std::string_view why) {
    return invalid_argument("Attempting to set invalid trace setting :{}", why);
  };
  const bool in_files = options_.mode == TraceMode::Triton;
  if (settings.rate == 0 && (in_files || change.rate))
    return refuse("sample rate must be non-zero");
  if (in_files && options_.file.empty()) return refuse("trace file name is not given");
  return {};
}

void Tracer::replace(Setting& place, Setting with) {
  if (place.series && sink_) sink_->ended(place.series);
  place = std::move(with);
}

const Tracer::Setting& Tracer::setting_of(std::string_view model) const {
  const auto own = models_.find(model);
  return own == models_.end() ? global_ : own->second;
}

void Tracer::update_active() {
  active_ = valid(global_.series->settings) ||
            std::ranges::any_of(models_ | std::views::values, [this](const Setting& setting) {
              return valid(setting.series->settings);
            });
}

}  // namespace neso
