// SPDX-License-Identifier: Apache-2.0
// KServe v2 over gRPC: ModelInfer with tensors as raw bytes, a connection for each caller.
#pragma once

#include <memory>

#include "load/protocol.h"

namespace neso::load {

// Asks the server for the model's metadata and config. Blocks.
Result<std::unique_ptr<Protocol>> open_grpc_protocol(const Target& target,
                                                     const PayloadOptions& options,
                                                     size_t most_requests);

}  // namespace neso::load
