// SPDX-License-Identifier: Apache-2.0
// Our errors as gRPC statuses, the codes being Triton's (server src/grpc/grpc_utils.cc).
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include <chrono>

#include "api/request_errors.h"
#include "base/result.h"

namespace neso::grpc_api {

::grpc::StatusCode status_code(ErrorCode code);
// What neso_request_errors_total calls it.
RequestErrorReason error_reason(ErrorCode code);

// The sentence is cut where it would be longer than what clients accept beside an answer.
::grpc::Status to_status(const Error& error);
::grpc::Status to_status(const Result<>& result);

// The deadline of the call itself, which has passed by `now`, is why it failed: to be told as
// DEADLINE_EXCEEDED whichever of the two clocks, gRPC's or the queue's, was first, since clients
// send again what is UNAVAILABLE.
bool is_over_time(const Error& error, std::chrono::system_clock::time_point deadline,
                  std::chrono::system_clock::time_point now);

// An overload's trailing metadata, the same as HTTP's Retry-After. Before the call is finished.
void add_retry_hint(::grpc::ServerContextBase& context, const Error& error);

}  // namespace neso::grpc_api
