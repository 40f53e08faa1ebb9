// SPDX-License-Identifier: Apache-2.0
#include "api/triton/logging_api.h"

#include <optional>
#include <utility>

#include "api/triton/status.h"
#include "base/error.h"
#include "base/json.h"
#include "base/json_writer.h"

namespace neso::triton {
namespace {

// The member, unless it is absent or null.
const JsonValue* setting(const JsonValue& request, std::string_view name) {
  const JsonValue* value = request.find(name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

Result<> read_flag(const JsonValue& request, std::string_view name, std::optional<bool>& flag) {
  const JsonValue* value = setting(request, name);
  if (value == nullptr) return {};
  flag = value->as_bool();
  if (!flag) return invalid_argument("'{}' must be true or false", name);
  return {};
}

Result<> read_verbose_level(const JsonValue& request, std::optional<int>& level) {
  const JsonValue* value = setting(request, "log_verbose_level");
  if (value == nullptr) return {};
  const auto number = value->as_int();
  if (!number || *number < 0 || !std::in_range<int>(*number))
    return invalid_argument("'log_verbose_level' must be a whole number from 0 to 2147483647");
  level = static_cast<int>(*number);
  return {};
}

Result<> read_format(const JsonValue& request, std::optional<LogFormat>& format) {
  const JsonValue* value = setting(request, "log_format");
  if (value == nullptr) return {};
  const auto word = value->as_string();
  if (!word) return invalid_argument("'log_format' must be a string");
  format = log_format_from(*word);
  if (!format)  // with the status that Triton gives it
    return not_ready("invalid argument for --log_format, got: {}", *word);
  return {};
}

// In Triton's order.
Result<> read_change(const JsonValue& request, LogSettingsChange& change) {
  if (setting(request, "log_file") != nullptr)
    return unsupported("log file location can not be updated through network protocol");
  NESO_TRY_VOID(read_flag(request, "log_info", change.info));
  NESO_TRY_VOID(read_flag(request, "log_warning", change.warning));
  NESO_TRY_VOID(read_flag(request, "log_error", change.error));
  NESO_TRY_VOID(read_verbose_level(request, change.verbose_level));
  return read_format(request, change.format);
}

net::HttpResponse settings_response() {
  return {.body = log_settings_json(log_settings())};
}

}  // namespace

std::string log_settings_json(const LogSettings& settings) {
  JsonWriter writer;
  writer.begin_object();
  writer.key("log_file").string(settings.file);
  writer.key("log_info").boolean(settings.info);
  writer.key("log_warning").boolean(settings.warning);
  writer.key("log_error").boolean(settings.error);
  writer.key("log_verbose_level").integer(settings.verbose_level);
  writer.key("log_format").string(to_string(settings.format));
  writer.end_object();
  return std::move(writer).text();
}

Result<> apply_log_settings(std::string_view body) {
  const auto request = parse_json(body);
  if (!request) return request.error().with_context("failed to parse the request JSON buffer");
  LogSettingsChange change;
  Result<> read = read_change(*request, change);
  change_log_settings(change);
  return read;
}

void add_logging_routes(std::vector<net::Route>& routes) {
  routes.push_back({"GET", "/v2/logging",
                    [](const net::HttpRequest&, const net::PathParameters&, net::Respond respond) {
                      respond(settings_response());
                    }});
  routes.push_back(
      {"POST", "/v2/logging",
       [](const net::HttpRequest& request, const net::PathParameters&, net::Respond respond) {
         const auto applied = apply_log_settings(request.body);
         respond(applied ? settings_response() : error_response(applied.error()));
       }});
}

}  // namespace neso::triton
