// SPDX-License-Identifier: Apache-2.0
// ModelInfer: one request, one answer.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include "api/grpc/infer_run.h"

namespace neso::grpc_api {

// Lets go of the request's bytes; `response` and `context` are gRPC's and live until the reactor is
// done.
::grpc::ServerUnaryReactor* start_unary_infer(const InferPort& port,
                                              ::grpc::CallbackServerContext& context,
                                              ::grpc::ByteBuffer& request,
                                              ::grpc::ByteBuffer& response);

}  // namespace neso::grpc_api
