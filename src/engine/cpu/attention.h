// SPDX-License-Identifier: Apache-2.0
// Attention of one head over one sequence, in blocks of query rows: scores of a block against all
// keys, softmax, weighted values. Memory grows with the sequence, not with its square; a row's bits
// depend on its sequence alone. Products in fp32 or bf16, everything else in fp32.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/cpu/activations.h"
#include "simd/kernels.h"

namespace neso {

// Query rows that are worked on at once: their scores against 512 keys stay in the second-level
// cache.
inline constexpr size_t kQueryRows = 48;

struct AttentionShape {
  size_t hidden = 0;
  size_t head_size = 0;         // even for bf16
  Format format = Format::F32;  // of the activations and products
};

class Attention {
 public:
  // Floats of scratch memory for sequences of up to `longest` tokens.
  static size_t scratch_floats(const AttentionShape& shape, size_t longest);

  // scratch: as scratch_floats says, whatever it holds; it must outlive this.
  Attention(const KernelTable& kernels, const AttentionShape& shape, size_t longest,
            std::span<float> scratch);

  // Packs keys and values of one head. qkv is [tokens, 3 hidden] of the sequence, and must stay
  // until the last attend().
  void select(const Activations& qkv, size_t tokens, size_t head);

  // Rows first .. first + rows (at most kQueryRows) of the selected sequence and head. `context` is
  // [tokens, hidden] of the sequence; only the head's columns are written.
  void attend(size_t first, size_t rows, const Activations& context);

 private:
  const KernelTable& kernels_;
  AttentionShape shape_;
  float* keys_;
  float* values_;
  float* scores_;
  float* weighted_;
  float* inverse_sums_;
  Activations qkv_;
  size_t tokens_ = 0;
  size_t head_ = 0;
};

}  // namespace neso
