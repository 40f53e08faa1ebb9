// SPDX-License-Identifier: Apache-2.0
#include "engine/cpu/attention.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "simd/panels.h"

namespace neso {
namespace {

// The parts of the scratch memory, in floats, each a whole number of cache lines.
struct ScratchSizes {
  size_t keys;
  size_t values;
  size_t scores;
  size_t weighted;
  size_t inverse_sums;
  size_t zeros;

  ScratchSizes(const AttentionShape& shape, size_t longest)
      : keys(shape.head_size * padded(longest)),
        values(longest * padded(shape.head_size)),
        scores(kQueryRows * padded(longest)),
        weighted(kQueryRows * padded(shape.head_size)),
        inverse_sums(kQueryRows),
        zeros(padded(std::max(longest, shape.head_size))) {}
  size_t total() const { return padded(keys) + values + scores + weighted + inverse_sums + zeros; }
};

}  // namespace

size_t Attention::scratch_floats(const AttentionShape& shape, size_t longest) {
  return ScratchSizes(shape, longest).total();
}

Attention::Attention(const KernelTable& kernels, const AttentionShape& shape, size_t longest,
                     std::span<float> scratch)
    : kernels_(kernels), shape_(shape) {
  const ScratchSizes sizes(shape, longest);
  NESO_CHECK(scratch.size() >= sizes.total());
  keys_ = scratch.data();
  values_ = keys_ + padded(sizes.keys);
  scores_ = values_ + sizes.values;
  weighted_ = scores_ + sizes.scores;
  inverse_sums_ = weighted_ + sizes.weighted;
  zeros_ = inverse_sums_ + sizes.inverse_sums;
  std::fill_n(zeros_, sizes.zeros, 0.0F);
}

void Attention::select(const float* qkv, size_t ld, size_t tokens, size_t head) {
  qkv_ = qkv;
  ld_ = ld;
  tokens_ = tokens;
  head_ = head;
  const float* keys = qkv + shape_.hidden + head * shape_.head_size;
  const float* values = keys + shape_.hidden;
  pack_transposed(PanelShape{shape_.head_size, tokens, kernels_.panel_width}, keys, ld, keys_);
  pack_rows(PanelShape{tokens, shape_.head_size, kernels_.panel_width}, values, ld, values_);
}

void Attention::attend(size_t first, size_t rows, float* context, size_t ld) {
  const size_t head_size = shape_.head_size;
  Product scores;
  scores.a = qkv_ + first * ld_ + head_ * head_size;
  scores.lda = ld_;
  scores.rows = rows;
  scores.panels = keys_;
  scores.k = head_size;
  scores.n = tokens_;
  scores.bias = zeros_;
  scores.out = scores_;
  scores.ldo = padded(tokens_);
  kernels_.product(scores);

  Softmax softmax;
  softmax.x = scores_;
  softmax.ld = scores.ldo;
  softmax.rows = rows;
  softmax.n = tokens_;
  softmax.factor = 1.0F / std::sqrt(static_cast<float>(head_size));
  softmax.inverse_sums = inverse_sums_;
  kernels_.softmax(softmax);

  Product weighted;
  weighted.a = scores_;
  weighted.lda = scores.ldo;
  weighted.rows = rows;
  weighted.panels = values_;
  weighted.k = tokens_;
  weighted.n = head_size;
  weighted.bias = zeros_;
  weighted.out = weighted_;
  weighted.ldo = padded(head_size);
  kernels_.product(weighted);

  // Dividing here, once per output, is cheaper than dividing the weights, and the head's columns
  // need not be padded.
  for (size_t r = 0; r < rows; ++r) {
    const float* in = weighted_ + r * weighted.ldo;
    float* out = context + (first + r) * ld + head_ * head_size;
    const float factor = inverse_sums_[r];
    for (size_t c = 0; c < head_size; ++c) out[c] = in[c] * factor;
  }
}

}  // namespace neso
