// SPDX-License-Identifier: Apache-2.0
#include "api/triton/trace_api.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "api/triton/status.h"
#include "base/error.h"
#include "base/json.h"
#include "base/json_writer.h"
#include "trace/trace_change.h"

namespace neso::triton {
namespace {

std::string rows_json(const TraceRows& rows) {
  JsonWriter writer;
  writer.begin_object();
  for (const auto& [name, words] : rows) {
    writer.key(name);
    if (name != "trace_level") {
      writer.string(words.front());
      continue;
    }
    writer.begin_array();
    for (const std::string& word : words) writer.string(word);
    writer.end_array();
  }
  writer.end_object();
  return std::move(writer).text();
}

Result<> read_level(const JsonValue& value, TraceChange& change) {
  TraceWords words;
  for (const JsonValue& level : value.array()) {
    const auto word = level.as_string();
    if (!word) return invalid_argument("'trace_level' must be an array of strings");
    words.emplace_back(*word);
  }
  if (!value.is_array()) return invalid_argument("'trace_level' must be an array of strings");
  return read_trace_level(words, change);
}

// null clears a setting; other members are passed over.
template <typename T>
Result<> read_member(const JsonValue& request, std::string_view name,
                     Result<> (*read)(const std::string&, TraceChange&),
                     TraceChange::Field<T> TraceChange::* field, TraceChange& change) {
  const JsonValue* value = request.find(name);
  if (value == nullptr) return {};
  if (value->is_null()) {
    (change.*field).emplace();
    return {};
  }
  const auto word = value->as_string();
  if (!word) return invalid_argument("'{}' must be a string", name);
  return read(std::string(*word), change);
}

Result<> read_count(const std::string& word, TraceChange& change) {
  return read_trace_count(word, change, "got:");
}

// In Triton's order.
Result<TraceChange> read_change(std::string_view body) {
  const auto request = parse_json(body);
  if (!request) return request.error().with_context("failed to parse the request JSON buffer");
  if (request->find("trace_file") != nullptr) return trace_file_is_fixed();
  TraceChange change;
  if (const JsonValue* level = request->find("trace_level")) {
    if (level->is_null()) {
      change.level.emplace();
    } else {
      NESO_TRY_VOID(read_level(*level, change));
    }
  }
  NESO_TRY_VOID(read_member(*request, "trace_rate", read_trace_rate, &TraceChange::rate, change));
  NESO_TRY_VOID(read_member(*request, "trace_count", read_count, &TraceChange::count, change));
  NESO_TRY_VOID(read_member(*request, "log_frequency", read_log_frequency,
                            &TraceChange::log_frequency, change));
  return change;
}

}  // namespace

void add_trace_routes(std::vector<net::Route>& routes, Service& service) {
  const auto answer = [&service](std::string_view model,
                                 std::optional<std::string_view> body) -> Result<std::string> {
    NESO_TRY_VOID(service.check_traced_model(model));
    if (body) {
      NESO_TRY(const TraceChange change, read_change(*body));
      NESO_TRY_VOID(service.tracer().change(model, change));
    }
    return rows_json(service.tracer().rows(model));
  };
  const auto respond_with = [](Result<std::string> body, net::Respond& respond) {
    respond(body ? net::HttpResponse{.body = *std::move(body)} : error_response(body.error()));
  };
  for (const std::string path : {"/v2/trace/setting", "/v2/models/{model}/trace/setting"}) {
    routes.push_back({"GET", path,
                      [answer, respond_with](const net::HttpRequest&, const net::PathParameters& in,
                                             net::Respond respond) {
                        respond_with(answer(in["model"], std::nullopt), respond);
                      }});
    routes.push_back({"POST", path,
                      [answer, respond_with](const net::HttpRequest& request,
                                             const net::PathParameters& in, net::Respond respond) {
                        respond_with(answer(in["model"], request.body.view()), respond);
                      }});
  }
}

}  // namespace neso::triton
