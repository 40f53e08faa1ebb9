// SPDX-License-Identifier: Apache-2.0
#include "api/triton/restricted_routes.h"

#include <algorithm>
#include <utility>

#include "api/triton/status.h"
#include "base/error.h"

namespace neso::triton {
namespace {

using net::HttpRequest;

// Sent twice, with one wrong value, is refused: nobody can tell which was meant.
bool has_header(const HttpRequest& request, const RequiredHeader& required) {
  return request.header_count(required.key) == 1 && request.header(required.key) == required.value;
}

}  // namespace

std::string_view api_group(std::string_view pattern) {
  constexpr std::pair<std::string_view, std::string_view> kEnds[] = {
      {"/ready", "health"},
      {"/live", "health"},
      {"/config", "model-config"},
      {"/stats", "statistics"},
      {"/infer", "inference"},
      {"/generate", "inference"},
      {"/generate_stream", "inference"},
      {"/trace/setting", "trace"},
      {"/logging", "logging"}};
  if (pattern.starts_with("/v2/repository")) return "model-repository";
  if (pattern.starts_with("/v2/systemsharedmemory") || pattern.starts_with("/v2/cudasharedmemory"))
    return "shared-memory";
  for (const auto& [end, group] : kEnds) {
    if (pattern.ends_with(end)) return group;
  }
  return "metadata";
}

void restrict_routes(std::vector<net::Route>& routes, const RequiredHeaders& restricted) {
  for (net::Route& route : routes) {
    const auto restriction = restricted.find(api_group(route.pattern));
    if (restriction == restricted.end()) continue;
    route.handler = [required = restriction->second, handler = std::move(route.handler)](
                        HttpRequest request, net::PathParameters path, net::Respond respond) {
      if (has_header(request, required))
        return handler(std::move(request), std::move(path), std::move(respond));
      respond(error_response(
          403, fmt::format("This API is restricted, expecting header '{}'", required.key),
          "text/plain"));
    };
  }
}

}  // namespace neso::triton
