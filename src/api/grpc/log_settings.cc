// SPDX-License-Identifier: Apache-2.0
#include "api/grpc/log_settings.h"

#include <string>
#include <utility>

#include "base/cut_text.h"
#include "base/error.h"

namespace neso::grpc_api {
namespace {

using inference::LogSettingsRequest;

const LogSettingsRequest::SettingValue* find(const LogSettingsRequest& request, const char* name) {
  const auto found = request.settings().find(name);
  return found == request.settings().end() ? nullptr : &found->second;
}

Result<> read_flag(const LogSettingsRequest& request, const char* name, std::optional<bool>& flag) {
  const auto* value = find(request, name);
  if (value == nullptr) return {};
  if (!value->has_bool_param()) return invalid_argument("expect boolean for '{}'", name);
  flag = value->bool_param();
  return {};
}

Result<> read_verbose_level(const LogSettingsRequest& request, std::optional<int>& level) {
  const auto* value = find(request, "log_verbose_level");
  if (value == nullptr) return {};
  if (!value->has_uint32_param()) return invalid_argument("expect int32 for 'log_verbose_level'");
  if (!std::in_range<int>(value->uint32_param())) {
    return invalid_argument("'log_verbose_level' must be a whole number from 0 to 2147483647");
  }
  level = static_cast<int>(value->uint32_param());
  return {};
}

Result<> read_format(const LogSettingsRequest& request, std::optional<LogFormat>& format) {
  const auto* value = find(request, "log_format");
  if (value == nullptr) return {};
  if (!value->has_string_param()) return invalid_argument("expect string for 'log_format'");
  format = log_format_from(value->string_param());
  if (!format) {
    return invalid_argument("invalid argument for log_format, got: {}",
                            cut_text(value->string_param(), 256));
  }
  return {};
}

// In Triton's order.
Result<> read_change(const LogSettingsRequest& request, LogSettingsChange& change) {
  if (find(request, "log_file") != nullptr)
    return unsupported("log file location can not be updated through network protocol");
  NESO_TRY_VOID(read_flag(request, "log_info", change.info));
  NESO_TRY_VOID(read_flag(request, "log_warning", change.warning));
  NESO_TRY_VOID(read_flag(request, "log_error", change.error));
  NESO_TRY_VOID(read_verbose_level(request, change.verbose_level));
  return read_format(request, change.format);
}

}  // namespace

Result<> apply_log_settings(const LogSettingsRequest& request) {
  LogSettingsChange change;
  Result<> read = read_change(request, change);
  change_log_settings(change);
  return read;
}

void describe(const LogSettings& settings, inference::LogSettingsResponse& response) {
  auto& all = *response.mutable_settings();
  all["log_file"].set_string_param(settings.file);
  all["log_info"].set_bool_param(settings.info);
  all["log_warning"].set_bool_param(settings.warning);
  all["log_error"].set_bool_param(settings.error);
  all["log_verbose_level"].set_uint32_param(static_cast<uint32_t>(settings.verbose_level));
  all["log_format"].set_string_param(std::string(to_string(settings.format)));
}

}  // namespace neso::grpc_api
