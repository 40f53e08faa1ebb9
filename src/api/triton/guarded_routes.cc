// SPDX-License-Identifier: Apache-2.0
#include "api/triton/guarded_routes.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "api/triton/status.h"
#include "base/check.h"
#include "base/secret.h"

namespace neso::triton {
namespace {

// Sent twice, with one wrong value, is refused: nobody can tell which was meant.
bool sends(const net::HttpRequest& request, const RequiredHeader& required) {
  if (!request.header(required.key)) return false;
  return std::ranges::all_of(request.headers, [&](const auto& field) {
    return !net::same_header_name(field.first, required.key) ||
           same_secret(field.second, required.value);
  });
}

net::RouteGate gate_for(const RequiredHeader& required) {
  constexpr int kForbidden = 403;
  const net::HttpResponse refusal = error_response(
      kForbidden, fmt::format("This API is restricted, expecting header '{}'", required.key),
      "text/plain");
  return [required, refusal](const net::HttpRequest& request) -> std::optional<net::HttpResponse> {
    if (sends(request, required)) return std::nullopt;
    return refusal;
  };
}

}  // namespace

std::vector<net::Route>& GuardedRoutes::of(std::string_view group) {
  NESO_CHECK(std::ranges::find(kRestrictableGroups, group) != kRestrictableGroups.end());
  return groups_.try_emplace(std::string(group)).first->second;
}

std::vector<net::Route> GuardedRoutes::take(const RequiredHeaders& restricted) {
  std::vector<net::Route> all;
  for (auto& [group, routes] : groups_) {
    if (const auto restriction = restricted.find(group); restriction != restricted.end()) {
      for (net::Route& route : routes) route.gate = gate_for(restriction->second);
    }
    std::ranges::move(routes, std::back_inserter(all));
  }
  groups_.clear();
  return all;
}

}  // namespace neso::triton
