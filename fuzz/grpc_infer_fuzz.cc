// SPDX-License-Identifier: Apache-2.0
// Any bytes as an infer request over gRPC: read, decoded, every element of every tensor looked at.
#include <grpcpp/support/byte_buffer.h>

#include <cstddef>
#include <cstdint>

#include "api/grpc/infer_bytes.h"
#include "api/grpc/infer_request.h"
#include "api/grpc/model_version.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const ::grpc::Slice slice(data, size);
  ::grpc::ByteBuffer bytes(&slice, 1);
  auto message = neso::grpc_api::read_infer(bytes);
  if (!message) return 0;
  const auto version = neso::grpc_api::read_version((*message)->model_version());
  if (!version) return 0;
  const neso::SharedMemoryRegistry no_regions(false);
  auto request = neso::grpc_api::decode_infer(*message, *version, no_regions);
  if (!request) return 0;
  unsigned sum = 0;
  for (const auto& [name, tensor] : request->inputs) {
    for (const std::byte byte : tensor.bytes()) sum += std::to_integer<unsigned>(byte);
    (void)neso::bytes_elements(tensor.bytes());
  }
  return sum == 0xFFFFFFFFU ? 1 : 0;
}
