// SPDX-License-Identifier: Apache-2.0
#include "api/triton/logging_api.h"

#include <optional>
#include <string_view>
#include <utility>

#include "api/log_change.h"
#include "api/triton/status.h"
#include "base/error.h"
#include "base/json.h"
#include "base/json_writer.h"

namespace neso::triton {
namespace {

struct Reader {
  const JsonValue& request;

  // The member, unless it is absent or null.
  const JsonValue* find(std::string_view name) const {
    const JsonValue* value = request.find(name);
    return value == nullptr || value->is_null() ? nullptr : value;
  }
  bool has(std::string_view name) const { return find(name) != nullptr; }

  Result<> flag(std::string_view name, std::optional<bool>& flag) const {
    const JsonValue* value = find(name);
    if (value == nullptr) return {};
    flag = value->as_bool();
    if (!flag) return invalid_argument("'{}' must be true or false", name);
    return {};
  }

  Result<> verbose_level(std::optional<int>& level) const {
    const JsonValue* value = find("log_verbose_level");
    if (value == nullptr) return {};
    return set_verbose_level(value->as_int().value_or(-1), level);
  }

  Result<> format(std::optional<LogFormat>& format) const {
    const JsonValue* value = find("log_format");
    if (value == nullptr) return {};
    const auto word = value->as_string();
    if (!word) return invalid_argument("'log_format' must be a string");
    format = log_format_from(*word);
    if (!format)  // with the status that Triton gives it
      return not_ready("invalid argument for --log_format, got: {}", *word);
    return {};
  }
};

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
  return apply_log_change(Reader{*request});
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
