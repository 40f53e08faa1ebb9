// SPDX-License-Identifier: Apache-2.0
// The calls that register clients' memory: messages to the registry and back. Sentences are
// Triton's.
#pragma once

#include <grpc_service.pb.h>

#include "base/result.h"
#include "request/shared_memory.h"

namespace neso::grpc_api {

Result<> register_region(const inference::SystemSharedMemoryRegisterRequest& request,
                         SharedMemoryRegistry& memory);
Result<> register_region(const inference::CudaSharedMemoryRegisterRequest& request,
                         SharedMemoryRegistry& memory);

// An empty name: all regions.
Result<> describe_regions(const inference::SystemSharedMemoryStatusRequest& request,
                          const SharedMemoryRegistry& memory,
                          inference::SystemSharedMemoryStatusResponse& response);

}  // namespace neso::grpc_api
