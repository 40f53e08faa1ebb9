// SPDX-License-Identifier: Apache-2.0
#include "api/grpc/log_settings.h"

#include <optional>
#include <string>
#include <string_view>

#include "api/log_change.h"
#include "base/cut_text.h"
#include "base/error.h"

namespace neso::grpc_api {
namespace {

using inference::LogSettingsRequest;

struct Reader {
  const LogSettingsRequest& request;

  const LogSettingsRequest::SettingValue* find(std::string_view name) const {
    const auto found = request.settings().find(std::string(name));
    return found == request.settings().end() ? nullptr : &found->second;
  }
  bool has(std::string_view name) const { return find(name) != nullptr; }

  Result<> flag(std::string_view name, std::optional<bool>& flag) const {
    const auto* value = find(name);
    if (value == nullptr) return {};
    if (!value->has_bool_param()) return invalid_argument("expect boolean for '{}'", name);
    flag = value->bool_param();
    return {};
  }

  Result<> verbose_level(std::optional<int>& level) const {
    const auto* value = find("log_verbose_level");
    if (value == nullptr) return {};
    if (!value->has_uint32_param()) return invalid_argument("expect int32 for 'log_verbose_level'");
    return set_verbose_level(value->uint32_param(), level);
  }

  Result<> format(std::optional<LogFormat>& format) const {
    const auto* value = find("log_format");
    if (value == nullptr) return {};
    if (!value->has_string_param()) return invalid_argument("expect string for 'log_format'");
    format = log_format_from(value->string_param());
    if (!format) {
      return invalid_argument("invalid argument for log_format, got: {}",
                              cut_text(value->string_param(), 256));
    }
    return {};
  }
};

}  // namespace

Result<> apply_log_settings(const LogSettingsRequest& request) {
  return apply_log_change(Reader{request});
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
