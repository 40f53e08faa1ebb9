// SPDX-License-Identifier: Apache-2.0
// A model's weights as the kernels want them: linear layers in panels, everything else in padded
// rows, one allocation.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "base/result.h"
#include "checkpoint/architecture.h"
#include "checkpoint/checkpoint.h"
#include "engine/cpu/float_buffer.h"
#include "simd/kernels.h"

namespace neso {

// y = x W^T + bias, W packed as simd/panels.h says.
struct PackedLinear {
  const float* panels = nullptr;
  const float* bias = nullptr;  // [padded(n)]
  size_t k = 0;                 // inputs
  size_t n = 0;                 // outputs
};

struct NormWeights {
  const float* scale = nullptr;  // [padded(hidden)], as shift
  const float* shift = nullptr;
};

struct LayerWeights {
  PackedLinear qkv;  // n = 3 hidden: queries, keys, values, each by head
  PackedLinear attention_output;
  NormWeights attention_norm;
  PackedLinear up;
  PackedLinear down;
  NormWeights output_norm;
};

class CpuWeights {
 public:
  Architecture architecture;
  const KernelTable* kernels = nullptr;
  Epilogue activation = Epilogue::None;
  const float* word = nullptr;      // [vocabulary, padded(hidden)]
  const float* position = nullptr;  // [max_positions, padded(hidden)]
  const float* type = nullptr;      // [type_vocabulary, padded(hidden)]; null without token types
  NormWeights embedding_norm;
  std::vector<LayerWeights> layers;
  FloatBuffer memory;  // what all the pointers point into
};

// As load_cpu_weights, for a given instruction set (which the CPU must support).
Result<std::shared_ptr<const CpuWeights>> pack_cpu_weights(const Checkpoint& checkpoint, Isa isa);

}  // namespace neso
