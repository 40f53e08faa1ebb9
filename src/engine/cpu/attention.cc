// SPDX-License-Identifier: Apache-2.0
#include "engine/cpu/attention.h"

#include <cmath>
#include <cstring>

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

  ScratchSizes(const AttentionShape& shape, size_t longest)
      : keys(padded(units_of(shape.format, shape.head_size) * padded(longest))),
        values(units_of(shape.format, longest) * padded(shape.head_size)),
        scores(kQueryRows * padded(longest)),
        weighted(kQueryRows * padded(shape.head_size)),
        inverse_sums(kQueryRows) {}
  size_t total() const { return keys + values + scores + weighted + inverse_sums; }
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
  values_ = keys_ + sizes.keys;
  scores_ = values_ + sizes.values;
  weighted_ = scores_ + sizes.scores;
  inverse_sums_ = weighted_ + sizes.weighted;
}

void Attention::select(const Activations& qkv, size_t tokens, size_t head) {
  qkv_ = qkv.at(0, head * shape_.head_size);
  tokens_ = tokens;
  head_ = head;
  const Activations keys = qkv_.at(0, shape_.hidden);
  const Activations values = qkv_.at(0, 2 * shape_.hidden);
  const size_t per_unit = unit_values(shape_.format);
  const size_t width = kernels_.panel_width;
  pack_transposed(kernels_, {units_of(shape_.format, shape_.head_size), tokens, width}, keys.data(),
                  keys.ld / per_unit, keys_);
  const PanelShape value_shape{units_of(shape_.format, tokens), shape_.head_size, width};
  if (values.f32 != nullptr) {
    pack_rows(value_shape, values.f32, values.ld, values_);
  } else {
    pack_rows(kernels_, value_shape, Bf16Rows{values.bf16, values.ld, tokens},
              reinterpret_cast<uint32_t*>(values_));
  }
}

void Attention::attend(size_t first, size_t rows, const Activations& context) {
  const bool bf16 = shape_.format == Format::Bf16;
  const size_t head_size = shape_.head_size;
  const size_t score_row = padded(tokens_);
  Product scores;
  scores.a = qkv_.at(first).data();
  scores.lda = qkv_.ld;
  scores.rows = rows;
  scores.b = {shape_.format, keys_, head_size, tokens_};
  scores.out = scores_;
  scores.ldo = score_row;
  kernels_.product(scores);

  Softmax softmax;
  softmax.x = scores_;
  softmax.out_bf16 = bf16 ? reinterpret_cast<Bf16*>(scores_) : nullptr;
  softmax.ld = score_row;
  softmax.rows = rows;
  softmax.n = tokens_;
  softmax.factor = 1.0F / std::sqrt(static_cast<float>(head_size));
  softmax.inverse_sums = inverse_sums_;
  kernels_.softmax(softmax);

  // Dividing here, once per output, is cheaper than dividing the weights.
  Product weighted;
  weighted.a = scores_;
  weighted.lda = bf16 ? 2 * score_row : score_row;
  weighted.rows = rows;
  weighted.b = {shape_.format, values_, tokens_, head_size};
  weighted.row_factors = inverse_sums_;
  const Activations out = context.at(first, head_ * head_size);
  if (padded(head_size) == head_size) {
    weighted.out = out.f32;
    weighted.out_bf16 = out.bf16;
    weighted.ldo = out.ld;
    kernels_.product(weighted);
    return;
  }
  // Whole vectors would reach into the next head's columns.
  weighted.out = bf16 ? nullptr : weighted_;
  weighted.out_bf16 = bf16 ? reinterpret_cast<Bf16*>(weighted_) : nullptr;
  weighted.ldo = padded(head_size);
  kernels_.product(weighted);
  for (size_t r = 0; r < rows; ++r) {
    if (bf16) {
      std::memcpy(out.at(r).bf16, weighted.out_bf16 + r * weighted.ldo, head_size * sizeof(Bf16));
    } else {
      std::memcpy(out.at(r).f32, weighted.out + r * weighted.ldo, head_size * sizeof(float));
    }
  }
}

}  // namespace neso
