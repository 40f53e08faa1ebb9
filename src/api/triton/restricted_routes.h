// SPDX-License-Identifier: Apache-2.0
// --http-restricted-api: groups of routes that only requests with a header reach.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/grpc_options.h"
#include "net/router.h"

namespace neso::triton {

// The group that a route's pattern belongs to: "health", "metadata", "inference", ...
std::string_view api_group(std::string_view pattern);

// Puts the check before the routes of the restricted groups.
void restrict_routes(std::vector<net::Route>& routes, const RequiredHeaders& restricted);

}  // namespace neso::triton
