// SPDX-License-Identifier: Apache-2.0
// The log's settings as gRPC messages. Sentences are Triton's.
#pragma once

#include <grpc_service.pb.h>

#include "base/log.h"
#include "base/result.h"

namespace neso::grpc_api {

// Settings apply one by one: what stands before the first wrong one stays in force. Unknown ones
// are passed over.
Result<> apply_log_settings(const inference::LogSettingsRequest& request);

void describe(const LogSettings& settings, inference::LogSettingsResponse& response);

}  // namespace neso::grpc_api
