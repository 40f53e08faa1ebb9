// SPDX-License-Identifier: Apache-2.0
// Triton's shared memory extensions over HTTP: /v2/systemsharedmemory and /v2/cudasharedmemory,
// each with status, register and unregister, of one region or of all.
#pragma once

#include <vector>

#include "net/router.h"
#include "request/shared_memory.h"

namespace neso::triton {

// `memory` outlives the routes.
void add_shared_memory_routes(std::vector<net::Route>& routes, SharedMemoryRegistry& memory);

}  // namespace neso::triton
