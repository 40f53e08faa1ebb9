// SPDX-License-Identifier: Apache-2.0
// How answers of infer calls are compressed: gRPC chooses what the client understands.
#pragma once

#include <grpcpp/server_context.h>

#include "config/grpc_options.h"

namespace neso::grpc_api {

inline void compress_answers(::grpc::CallbackServerContext& context, CompressionLevel level) {
  switch (level) {
    case CompressionLevel::None:
      return;
    case CompressionLevel::Low:
      return context.set_compression_level(GRPC_COMPRESS_LEVEL_LOW);
    case CompressionLevel::Medium:
      return context.set_compression_level(GRPC_COMPRESS_LEVEL_MED);
    case CompressionLevel::High:
      return context.set_compression_level(GRPC_COMPRESS_LEVEL_HIGH);
  }
}

}  // namespace neso::grpc_api
