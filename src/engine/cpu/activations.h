// SPDX-License-Identifier: Apache-2.0
// Rows of activations between two products, in fp32 or bf16. A view; the workspace owns the memory.
#pragma once

#include <cstddef>

#include "simd/kernels.h"

namespace neso {

struct Activations {
  float* f32 = nullptr;  // one of the two
  Bf16* bf16 = nullptr;
  size_t ld = 0;

  // The view from there on.
  Activations at(size_t row, size_t column = 0) const {
    const size_t offset = row * ld + column;
    return {f32 != nullptr ? f32 + offset : nullptr, bf16 != nullptr ? bf16 + offset : nullptr, ld};
  }
  const void* data() const {
    return f32 != nullptr ? static_cast<const void*>(f32) : static_cast<const void*>(bf16);
  }
};

}  // namespace neso
