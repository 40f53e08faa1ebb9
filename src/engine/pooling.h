// SPDX-License-Identifier: Apache-2.0
// Token states to vectors, once for every host engine: pooling, truncation of dimensions,
// normalisation. Formulas: sentence-transformers' Pooling module over unmasked tokens. Sums run in
// fp32 over ascending tokens with one accumulator per column, so a vector's bits depend on its own
// tokens only.
#pragma once

#include <cstddef>
#include <span>

#include "checkpoint/pooling_spec.h"

namespace neso {

// states is [tokens, hidden] of one sequence (tokens >= 1), out is [spec.width(hidden)].
void pool_sequence(std::span<const float> states, size_t hidden, const PoolingSpec& spec,
                   std::span<float> out);

// L2, in place: x / max(|x|, 1e-12), as torch's F.normalize.
void normalize_l2(std::span<float> vector);

struct VectorFinish {
  size_t dimensions = 0;  // the first so many values; 0: all
  // When fewer than all: the whole vector first passes a layer norm without weights (epsilon 1e-5),
  // as nomic-embed-text-v1.5 was trained for.
  bool norm_before_cut = false;
  bool normalize = false;  // L2, at the end
};

// What is served of a pooled vector, which it overwrites.
std::span<float> finish_vector(std::span<float> pooled, const VectorFinish& finish);

bool all_finite(std::span<const float> values);

}  // namespace neso
