// SPDX-License-Identifier: Apache-2.0
// The angles of rotary positions, in fp32 as the reference computes them.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "checkpoint/architecture.h"
#include "simd/kernels.h"
#include "tensor/token_batch.h"

namespace neso {

// Floats of one position: cosines, then sines.
constexpr size_t rotary_row(size_t head_size) {
  return 2 * padded(head_size / 2);
}

// Rows of positions 0, 1, ...: as many as `out` holds.
void rotary_angles(float base, size_t head_size, std::span<float> out);

// Angles of a batch's sequences that are too long for the model's own table. Made by the thread
// that may fail, before the members of a team start.
class ScaledAngles {
 public:
  ScaledAngles(const Architecture& architecture, const TokenBatch& batch);
  // Null: the model's own table serves sequence i.
  const float* of(size_t i) const {
    return tables_.empty() || tables_[i].empty() ? nullptr : tables_[i].data();
  }

 private:
  std::vector<std::vector<float>> tables_;  // by sequence; empty when none is scaled
};

// The base for a sequence of `tokens` tokens: architecture.h says when it is another one.
float rotary_base(const Architecture& architecture, size_t tokens);

}  // namespace neso
