// SPDX-License-Identifier: Apache-2.0
// The angles of rotary positions, in fp32 as the reference computes them.
#pragma once

#include <cstddef>
#include <span>

#include "checkpoint/architecture.h"
#include "simd/kernels.h"

namespace neso {

// Floats of one position: cosines, then sines.
constexpr size_t rotary_row(size_t head_size) {
  return 2 * padded(head_size / 2);
}

// Rows of positions 0, 1, ...: as many as `out` holds.
void rotary_angles(float base, size_t head_size, std::span<float> out);

// The base for a sequence of `tokens` tokens: architecture.h says when it is another one.
float rotary_base(const Architecture& architecture, size_t tokens);

}  // namespace neso
