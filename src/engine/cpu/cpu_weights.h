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
#include "engine/engine.h"
#include "simd/kernels.h"

namespace neso {

// y = x W^T + bias, W packed as simd/panels.h says: k inputs, n outputs.
struct PackedLinear {
  Panels panels;
  const float* bias = nullptr;  // [padded(n)]; null: none
};

// Rows of embeddings, in fp32 or bf16; leading dimension padded(hidden).
struct EmbeddingTable {
  const float* f32 = nullptr;
  const Bf16* bf16 = nullptr;
};

struct NormWeights {
  const float* scale = nullptr;  // [padded(hidden)], as shift
  const float* shift = nullptr;
};

struct LayerWeights {
  PackedLinear qkv;  // n = 3 hidden: queries, keys, values, each by head
  PackedLinear attention_output;
  NormWeights attention_norm;
  PackedLinear up;  // n = inner_columns, or twice that with the gate: see Product::gated
  PackedLinear down;
  NormWeights output_norm;
};

class CpuWeights {
 public:
  // Columns of the FFN's activations that the kernels write: intermediate, or when gated that
  // rounded up to half a panel.
  size_t inner_columns() const;

  Architecture architecture;
  const KernelTable* kernels = nullptr;
  Epilogue activation = Epilogue::None;
  Precision precision = Precision::Fp32;
  Format activations = Format::F32;  // what products write and attention computes in
  EmbeddingTable word;               // [vocabulary, padded(hidden)]
  const float* position = nullptr;   // [max_positions, padded(hidden)]
  const float* type = nullptr;       // [type_vocabulary, padded(hidden)]; null without token types
  NormWeights embedding_norm;
  // Of rotary positions: [max_positions, rotary_row(head size)], see Rotate::angles.
  const float* angles = nullptr;
  std::vector<LayerWeights> layers;
  FloatBuffer memory;  // what all the pointers point into
};

}  // namespace neso
