// SPDX-License-Identifier: Apache-2.0
// The protocol extensions that server metadata lists, in Triton's names and order.
#pragma once

#include <string_view>

namespace neso {

inline constexpr std::string_view kProtocolExtensions[] = {"classification",
                                                           "sequence",
                                                           "model_repository",
                                                           "model_repository(unload_dependents)",
                                                           "model_configuration",
                                                           "system_shared_memory",
                                                           "cuda_shared_memory",
                                                           "binary_tensor_data",
                                                           "parameters",
                                                           "statistics",
                                                           "trace",
                                                           "logging"};

}  // namespace neso
