// SPDX-License-Identifier: Apache-2.0
// The trace settings as gRPC messages. Sentences are Triton's.
#pragma once

#include <grpc_service.pb.h>

#include "base/result.h"
#include "trace/trace_change.h"

namespace neso::grpc_api {

// An empty list of values clears a setting; unknown settings are passed over.
Result<TraceChange> read_change(const inference::TraceSettingRequest& request);

void describe(const TraceRows& rows, inference::TraceSettingResponse& response);

}  // namespace neso::grpc_api
