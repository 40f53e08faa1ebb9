// SPDX-License-Identifier: Apache-2.0
// The protocol extensions that server metadata lists, over HTTP and gRPC alike, in Triton's names
// and order.
#pragma once

#include <string_view>

namespace neso {

inline constexpr std::string_view kProtocolExtensions[] = {
    "classification",       "model_repository",   "model_configuration",
    "system_shared_memory", "cuda_shared_memory", "binary_tensor_data",
    "parameters",           "statistics",         "logging"};

}  // namespace neso
