// SPDX-License-Identifier: Apache-2.0
// ModelStreamInfer: many requests, each answered in its turn; a failed one does not end the stream,
// unless the client sent the metadata `triton_grpc_error: true`.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include "api/grpc/infer_run.h"

namespace neso::grpc_api {

// `context` is gRPC's and lives until the reactor is done.
::grpc::ServerBidiReactor<::grpc::ByteBuffer, ::grpc::ByteBuffer>* start_stream_infer(
    const InferPort& port, ::grpc::CallbackServerContext& context);

}  // namespace neso::grpc_api
