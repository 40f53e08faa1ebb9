// SPDX-License-Identifier: Apache-2.0
// The version in a request, a number as text, read as Triton reads it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"

namespace neso::grpc_api {

// Empty: none named. Digits in front are enough ("1x" is 1), 0 is a version that no model has.
Result<std::optional<int64_t>> read_version(const std::string& text);

}  // namespace neso::grpc_api
