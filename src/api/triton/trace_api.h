// SPDX-License-Identifier: Apache-2.0
// Triton's trace extension over HTTP: which requests are traced, for all models and for one.
#pragma once

#include <vector>

#include "net/router.h"
#include "serving/service.h"

namespace neso::triton {

// GET and POST /v2/trace/setting and /v2/models/{model}/trace/setting. `service` outlives the
// routes.
void add_trace_routes(std::vector<net::Route>& routes, Service& service);

}  // namespace neso::triton
