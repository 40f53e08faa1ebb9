// SPDX-License-Identifier: Apache-2.0
#include "api/grpc/shared_memory_calls.h"

#include "base/error.h"

namespace neso::grpc_api {

Result<> register_region(const inference::SystemSharedMemoryRegisterRequest& request,
                         SharedMemoryRegistry& memory) {
  if (request.name().empty()) {
    return invalid_argument("'region name' is necessary to register system shared memory region");
  }
  return memory.register_region({.name = request.name(),
                                 .key = request.key(),
                                 .offset = request.offset(),
                                 .byte_size = request.byte_size()});
}

Result<> register_region(const inference::CudaSharedMemoryRegisterRequest& request,
                         SharedMemoryRegistry& memory) {
  if (request.name().empty())
    return invalid_argument("'region name' is necessary to register cuda shared memory region");
  return memory.register_cuda_region(request.name(), request.raw_handle().size());
}

Result<> describe_regions(const inference::SystemSharedMemoryStatusRequest& request,
                          const SharedMemoryRegistry& memory,
                          inference::SystemSharedMemoryStatusResponse& response) {
  NESO_TRY(const auto regions, memory.status(request.name()));
  for (const SharedRegionStatus& region : regions) {
    auto& message = (*response.mutable_regions())[region.name];
    message.set_name(region.name);
    message.set_key(region.key);
    message.set_offset(region.offset);
    message.set_byte_size(region.byte_size);
  }
  return {};
}

}  // namespace neso::grpc_api
