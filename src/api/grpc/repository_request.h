// SPDX-License-Identifier: Apache-2.0
// The parameters of RepositoryModelLoad and RepositoryModelUnload.
#pragma once

#include <grpc_service.pb.h>

#include "base/result.h"
#include "request/requests.h"

namespace neso::grpc_api {

Result<ModelOverrides> decode_load(const inference::RepositoryModelLoadRequest& message);

// Whether unload_dependents is given and true; other parameters are ignored, as in Triton.
Result<bool> decode_unload(const inference::RepositoryModelUnloadRequest& message);

}  // namespace neso::grpc_api
