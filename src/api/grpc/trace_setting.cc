// SPDX-License-Identifier: Apache-2.0
#include "api/grpc/trace_setting.h"

#include <string>

#include "base/error.h"

namespace neso::grpc_api {
namespace {

using inference::TraceSettingRequest;

const TraceSettingRequest::SettingValue* find(const TraceSettingRequest& request,
                                              const char* name) {
  const auto found = request.settings().find(name);
  return found == request.settings().end() ? nullptr : &found->second;
}

template <typename T>
Result<> read_setting(const TraceSettingRequest& request, const char* name,
                      Result<> (*read)(const std::string&, TraceChange&),
                      TraceChange::Field<T> TraceChange::* field, TraceChange& change) {
  const auto* setting = find(request, name);
  if (setting == nullptr) return {};
  if (setting->value_size() == 0) {
    (change.*field).emplace();
    return {};
  }
  if (setting->value_size() > 1) return invalid_argument("expect only 1 value for '{}'", name);
  return read(setting->value(0), change);
}

Result<> read_count(const std::string& word, TraceChange& change) {
  return read_trace_count(word, change, "got: ");
}

}  // namespace

Result<TraceChange> read_change(const TraceSettingRequest& request) {
  if (find(request, "trace_file") != nullptr) return trace_file_is_fixed();
  TraceChange change;
  if (const auto* level = find(request, "trace_level")) {
    if (level->value_size() == 0) change.level.emplace();
    NESO_TRY_VOID(
        read_trace_level(TraceWords(level->value().begin(), level->value().end()), change));
  }
  NESO_TRY_VOID(read_setting(request, "trace_rate", read_trace_rate, &TraceChange::rate, change));
  NESO_TRY_VOID(read_setting(request, "trace_count", read_count, &TraceChange::count, change));
  NESO_TRY_VOID(read_setting(request, "log_frequency", read_log_frequency,
                             &TraceChange::log_frequency, change));
  return change;
}

void describe(const TraceRows& rows, inference::TraceSettingResponse& response) {
  for (const auto& [name, words] : rows) {
    auto& setting = (*response.mutable_settings())[name];
    for (const std::string& word : words) setting.add_value(word);
  }
}

}  // namespace neso::grpc_api
