// SPDX-License-Identifier: Apache-2.0
// Bodies of Triton's model repository extension, in JSON.
#pragma once

#include <string_view>

#include "base/result.h"
#include "request/requests.h"

namespace neso::triton {

// POST .../load: {"parameters":{"config":"<config in JSON>","file:<path>":"<base64>"}}, or nothing.
Result<ModelOverrides> decode_load_request(std::string_view body);

// POST .../unload: whether {"parameters":{"unload_dependents":true}}; whatever else it may be does
// not matter, as in Triton.
bool unloads_dependents(std::string_view body);

// Of one of gRPC's or HTTP's load parameters: which file "file:1/model.onnx" gives.
inline constexpr std::string_view kFileParameter = "file:";

}  // namespace neso::triton
