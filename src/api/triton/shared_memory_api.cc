// SPDX-License-Identifier: Apache-2.0
#include "api/triton/shared_memory_api.h"

#include <algorithm>
#include <cctype>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "api/triton/status.h"
#include "base/error.h"
#include "base/json.h"
#include "base/json_writer.h"

namespace neso::triton {
namespace {

// Answers the body of a success.
using Operation =
    std::function<Result<std::string>(std::string_view region, std::string_view body)>;

std::string status_json(const std::vector<SharedRegionStatus>& regions) {
  JsonWriter writer;
  writer.begin_array();
  for (const SharedRegionStatus& region : regions) {
    writer.begin_object();
    writer.key("name").string(region.name);
    writer.key("key").string(region.key);
    writer.key("offset").unsigned_integer(region.offset);
    writer.key("byte_size").unsigned_integer(region.byte_size);
    writer.end_object();
  }
  writer.end_array();
  return std::move(writer).text();
}

Result<JsonValue> parse_body(std::string_view body) {
  auto parsed = parse_json(body);
  if (!parsed) return parsed.error().with_context("failed to parse the request JSON buffer");
  return parsed;
}

Error no_field(std::string_view name) {
  return invalid_argument("Shared memory register request has no '{}' field", name);
}

Result<std::string_view> text_field(const JsonValue& object, std::string_view name) {
  const JsonValue* value = object.find(name);
  if (value == nullptr) return no_field(name);
  const auto text = value->as_string();
  if (!text) return invalid_argument("'{}' must be a string", name);
  return *text;
}

Result<uint64_t> number_field(const JsonValue& object, std::string_view name) {
  const JsonValue* value = object.find(name);
  if (value == nullptr) return no_field(name);
  const auto number = value->as_unsigned();
  if (!number) return invalid_argument("'{}' must be a whole number, 0 or more", name);
  return *number;
}

Result<std::string> register_system(SharedMemoryRegistry& memory, std::string_view region,
                                    std::string_view body) {
  if (region.empty()) {
    return invalid_argument("'region name' is necessary to register system shared memory region");
  }
  NESO_TRY(const JsonValue request, parse_body(body));
  SharedRegionStatus wanted{.name = std::string(region)};
  NESO_TRY(wanted.key, text_field(request, "key"));
  if (request.find("offset") != nullptr) {
    NESO_TRY(wanted.offset, number_field(request, "offset"));
  }
  NESO_TRY(wanted.byte_size, number_field(request, "byte_size"));
  NESO_TRY_VOID(memory.register_region(std::move(wanted)));
  return std::string();
}

// Of what base64 text stands for. Characters outside its alphabet are passed over, as in Triton.
size_t base64_decoded_size(std::string_view text) {
  const auto digits = std::ranges::count_if(
      text, [](unsigned char c) { return std::isalnum(c) != 0 || c == '+' || c == '/'; });
  return static_cast<size_t>(digits) * 3 / 4;
}

Result<std::string> register_cuda(SharedMemoryRegistry& memory, std::string_view region,
                                  std::string_view body) {
  if (region.empty())
    return invalid_argument("'region name' is necessary to register cuda shared memory region");
  NESO_TRY(const JsonValue request, parse_body(body));
  const JsonValue* handle = request.find("raw_handle");
  if (handle == nullptr) return no_field("raw_handle");
  NESO_TRY(const std::string_view encoded, text_field(*handle, "b64"));
  NESO_TRY_VOID(number_field(request, "byte_size"));
  NESO_TRY_VOID(number_field(request, "device_id"));
  NESO_TRY_VOID(memory.register_cuda_region(region, base64_decoded_size(encoded)));
  return std::string();
}

// The route of one region, and of all.
void add(std::vector<net::Route>& routes, const std::string& method, const std::string& kind,
         const std::string& action, const Operation& operation) {
  const auto handler = [operation](const net::HttpRequest& request, const net::PathParameters& path,
                                   net::Respond respond) {
    auto body = operation(path["region"], request.body);
    respond(body ? net::HttpResponse{.body = std::move(body).value()}
                 : error_response(body.error()));
  };
  routes.push_back({method, kind + "/" + action, handler});
  routes.push_back({method, kind + "/region/{region}/" + action, handler});
}

}  // namespace

void add_shared_memory_routes(std::vector<net::Route>& routes, SharedMemoryRegistry& memory) {
  const auto nothing = [](const Result<>& done) -> Result<std::string> {
    if (!done) return done.error();
    return std::string();
  };
  const std::string system = "/v2/systemsharedmemory";
  add(routes, "GET", system, "status",
      [&memory](std::string_view region, std::string_view) -> Result<std::string> {
        NESO_TRY(const auto regions, memory.status(region));
        return status_json(regions);
      });
  add(routes, "POST", system, "register",
      [&memory](std::string_view region, std::string_view body) {
        return register_system(memory, region, body);
      });
  add(routes, "POST", system, "unregister",
      [&memory, nothing](std::string_view region, std::string_view) {
        return nothing(memory.unregister(region));
      });
  const std::string cuda = "/v2/cudasharedmemory";
  add(routes, "GET", cuda, "status",
      [&memory](std::string_view region, std::string_view) -> Result<std::string> {
        NESO_TRY_VOID(memory.check_cuda_status(region));
        return status_json({});
      });
  add(routes, "POST", cuda, "register", [&memory](std::string_view region, std::string_view body) {
    return register_cuda(memory, region, body);
  });
  add(routes, "POST", cuda, "unregister",
      [&memory, nothing](std::string_view region, std::string_view) {
        return nothing(memory.unregister_cuda(region));
      });
}

}  // namespace neso::triton
