// SPDX-License-Identifier: Apache-2.0
// A gRPC infer request and its answer. Pure functions: message to InferRequest, InferResponse to
// bytes. Rules and sentences are Triton's (server src/grpc/infer_handler.cc).
#pragma once

#include <grpc_service.pb.h>

#include <cstdint>
#include <memory>
#include <optional>

#include "base/result.h"
#include "request/requests.h"

namespace neso::grpc_api {

// The tensors share the message's memory where its bytes are theirs. `version` is the message's
// own, read before; `memory` has the regions that tensors may lie in.
Result<InferRequest> decode_infer(
    const std::shared_ptr<const inference::ModelInferRequest>& message,
    std::optional<int64_t> version, const SharedMemoryRegistry& memory);

// The answer but for the outputs' bytes, which follow it on the wire: see infer_bytes.h.
inference::ModelInferResponse encode_infer(const InferResponse& response);

}  // namespace neso::grpc_api
