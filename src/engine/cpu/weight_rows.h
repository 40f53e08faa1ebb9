// SPDX-License-Identifier: Apache-2.0
// Rows of fp32 weights in the format of a product, before they are packed into panels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "simd/kernels.h"

namespace neso {

// Nearest, ties to even; NaN stays NaN.
Bf16 to_bf16(float value);

// A row as whole units, zeros behind its end.
void bf16_row(std::span<const float> row, std::span<uint32_t> units);

struct QuantizedRow {
  float scale = 0;  // value = scale * byte
  int32_t sum = 0;  // of the bytes
};

// Symmetric s8, -127 .. 127, one scale per output of a layer.
QuantizedRow int8_row(std::span<const float> row, std::span<uint32_t> units);

}  // namespace neso
