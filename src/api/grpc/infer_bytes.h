// SPDX-License-Identifier: Apache-2.0
// Between infer messages and the bytes that gRPC carries: outputs go from their tensors to the
// socket without a message in between.
#pragma once

#include <grpc_service.pb.h>
#include <grpcpp/support/byte_buffer.h>

#include <memory>
#include <span>

#include "base/result.h"
#include "request/requests.h"

namespace neso::grpc_api {

// Reads `bytes`, and lets go of them.
Result<std::shared_ptr<const inference::ModelInferRequest>> read_infer(::grpc::ByteBuffer& bytes);

// `head` with the outputs' bytes as its raw_output_contents, which it has none of.
::grpc::ByteBuffer infer_bytes(const inference::ModelInferResponse& head,
                               std::span<const NamedTensor> outputs);
// A ModelStreamInferResponse that is only such an infer_response.
::grpc::ByteBuffer stream_infer_bytes(const inference::ModelInferResponse& head,
                                      std::span<const NamedTensor> outputs);
// Any message.
::grpc::ByteBuffer message_bytes(const google::protobuf::MessageLite& message);

}  // namespace neso::grpc_api
