// SPDX-License-Identifier: Apache-2.0
// For tests: tensors as a config declares them.
#pragma once

#include <string>
#include <utility>

#include "config/model_config.h"

namespace neso {

inline ModelTensor declared(std::string name, DType dtype, Shape dims) {
  return {.name = std::move(name), .dtype = dtype, .dims = std::move(dims)};
}

}  // namespace neso
