// SPDX-License-Identifier: Apache-2.0
// The routes of Triton's generate extension: POST .../generate answers JSON, .../generate_stream
// server-sent events, of which there is one: no model here answers more than once.
#pragma once

#include <cstddef>
#include <vector>

#include "net/router.h"
#include "serving/service.h"

namespace neso::triton {

// `service` outlives the routes.
void add_generate_routes(std::vector<net::Route>& routes, Service& service, size_t max_input_bytes);

}  // namespace neso::triton
