// SPDX-License-Identifier: Apache-2.0
// Which model, and which version of it, a path means.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "net/router.h"

namespace neso::triton {

struct ModelTarget {
  std::string_view model;  // a view into the path's parameters
  std::optional<int64_t> version;
};

// Of {model} and {version:digits}. The router lets digits pass only, so all that can be wrong is
// their number.
Result<ModelTarget> target_of(const net::PathParameters& path);

}  // namespace neso::triton
