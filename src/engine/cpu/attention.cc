// SPDX-License-Identifier: Apache-2.0
#include "engine/cpu/attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/check.h"
#include "simd/panels.h"

namespace neso {
namespace {

// Keys that a block of queries meets at once.
size_t keys_at_once(size_t tokens) {
  return tokens <= kWholeKeys ? tokens : kKeyBlock;
}

// The parts of the scratch memory, in floats, each a whole number of cache lines.
struct ScratchSizes {
  size_t keys;
  size_t values;
  size_t scores;
  size_t weighted;
  size_t per_row;

  ScratchSizes(const AttentionShape& shape, size_t longest)
      : keys(padded(units_of(shape.format, shape.head_size) * padded(longest))),
        values(units_of(shape.format, longest) * padded(shape.head_size)),
        scores(kQueryRows * padded(std::min(longest, kWholeKeys))),
        weighted(kQueryRows * padded(shape.head_size)),
        per_row(padded(kQueryRows)) {}
  size_t total() const { return keys + values + scores + weighted + 3 * per_row; }
};

}  // namespace

size_t Attention::scratch_floats(const AttentionShape& shape, size_t longest) {
  return ScratchSizes(shape, longest).total();
}

Attention::Attention(const KernelTable& kernels, const AttentionShape& shape, size_t longest,
                     std::span<float> scratch, Stopwatch& stopwatch)
    : kernels_(kernels), shape_(shape), stopwatch_(stopwatch) {
  const ScratchSizes sizes(shape, longest);
  NESO_CHECK(scratch.size() >= sizes.total());
  keys_ = scratch.data();
  values_ = keys_ + sizes.keys;
  scores_ = values_ + sizes.values;
  weighted_ = scores_ + sizes.scores;
  sums_ = weighted_ + sizes.weighted;
  maxima_ = sums_ + sizes.per_row;
  corrections_ = maxima_ + sizes.per_row;
}

// Values are packed by blocks of keys, each a right-hand side of its own.
void Attention::select(const Activations& qkv, size_t tokens, size_t head) {
  qkv_ = qkv.at(0, head * shape_.head_size);
  tokens_ = tokens;
  key_block_ = keys_at_once(tokens);
  head_ = head;
  const Activations keys = qkv_.at(0, shape_.hidden);
  const Activations values = qkv_.at(0, 2 * shape_.hidden);
  const size_t per_unit = unit_values(shape_.format);
  const size_t width = kernels_.panel_width;
  pack_transposed(kernels_, {units_of(shape_.format, shape_.head_size), tokens, width}, keys.data(),
                  keys.ld / per_unit, keys_);
  for (size_t key = 0; key < tokens; key += key_block_) {
    const size_t count = std::min(key_block_, tokens - key);
    const PanelShape shape{units_of(shape_.format, count), shape_.head_size, width};
    float* packed = values_ + key / per_unit * padded(shape_.head_size);
    if (values.f32 != nullptr) {
      pack_rows(shape, values.at(key).f32, values.ld, packed);
    } else {
      pack_rows(kernels_, shape, Bf16Rows{values.at(key).bf16, values.ld, count},
                reinterpret_cast<uint32_t*>(packed));
    }
  }
  stopwatch_.lap(Operation::PackKeys);
}

Attention::Target Attention::target(const Activations& context) const {
  const size_t width = padded(shape_.head_size);
  if (width == shape_.head_size) return {context.f32, context.bf16, context.ld};
  if (context.f32 != nullptr) return {weighted_, nullptr, width};
  return {nullptr, reinterpret_cast<Bf16*>(weighted_), width};
}

void Attention::attend(size_t first, size_t rows, const Activations& context) {
  const Activations out = context.at(first, head_ * shape_.head_size);
  const Target wanted = target(out);
  if (key_block_ == tokens_) {
    attend_to_all(first, rows, wanted);
  } else {
    attend_by_blocks(first, rows, wanted);
  }
  if (wanted.f32 == out.f32 && wanted.bf16 == out.bf16) return;
  for (size_t r = 0; r < rows; ++r) {
    if (out.f32 != nullptr) {
      std::memcpy(out.at(r).f32, wanted.f32 + r * wanted.ld, shape_.head_size * sizeof(float));
    } else {
      std::memcpy(out.at(r).bf16, wanted.bf16 + r * wanted.ld, shape_.head_size * sizeof(Bf16));
    }
  }
}

void Attention::score(size_t first, size_t rows, size_t first_key, size_t keys) {
  Product scores;
  scores.a = qkv_.at(first).data();
  scores.lda = qkv_.ld;
  scores.rows = rows;
  scores.b =
      columns_of({shape_.format, keys_, shape_.head_size, tokens_}, first_key, first_key + keys);
  scores.out = scores_;
  scores.ldo = padded(keys);
  kernels_.product(scores);
  stopwatch_.lap(Operation::Scores);
}

// exp(scores) * values, without where it goes.
Product Attention::weighting(size_t rows, size_t first_key, size_t keys) const {
  const size_t per_unit = unit_values(shape_.format);
  Product weighted;
  weighted.a = scores_;
  weighted.lda = per_unit * padded(keys);  // rows of bf16 lie as far apart as those of fp32
  weighted.rows = rows;
  weighted.b = {shape_.format, values_ + first_key / per_unit * padded(shape_.head_size), keys,
                shape_.head_size};
  return weighted;
}

Softmax Attention::softmax(size_t rows, size_t keys) const {
  Softmax softmax;
  softmax.x = scores_;
  softmax.out_bf16 = shape_.format == Format::Bf16 ? reinterpret_cast<Bf16*>(scores_) : nullptr;
  softmax.ld = padded(keys);
  softmax.rows = rows;
  softmax.n = keys;
  softmax.factor = 1.0F / std::sqrt(static_cast<float>(shape_.head_size));
  return softmax;
}

void Attention::attend_to_all(size_t first, size_t rows, const Target& out) {
  score(first, rows, 0, tokens_);
  Softmax all = softmax(rows, tokens_);
  all.inverse_sums = sums_;
  kernels_.softmax(all);
  stopwatch_.lap(Operation::Softmax);
  // Dividing here, once per output, is cheaper than dividing the weights.
  Product weighted = weighting(rows, 0, tokens_);
  weighted.row_factors = sums_;
  weighted.out = out.f32;
  weighted.out_bf16 = out.bf16;
  weighted.ldo = out.ld;
  kernels_.product(weighted);
  stopwatch_.lap(Operation::Weighting);
}

void Attention::attend_by_blocks(size_t first, size_t rows, const Target& out) {
  std::fill_n(maxima_, rows, -std::numeric_limits<float>::max());
  std::fill_n(sums_, rows, 0.0F);
  const size_t width = padded(shape_.head_size);
  ScaleRows scale{weighted_,    width,     rows,    shape_.head_size,
                  corrections_, weighted_, nullptr, width};
  for (size_t key = 0; key < tokens_; key += key_block_) {
    const size_t keys = std::min(key_block_, tokens_ - key);
    score(first, rows, key, keys);
    Softmax part = softmax(rows, keys);
    part.maxima = maxima_;
    part.sums = sums_;
    part.corrections = corrections_;
    kernels_.softmax(part);
    stopwatch_.lap(Operation::Softmax);
    Product weighted = weighting(rows, key, keys);
    weighted.out = weighted_;
    weighted.ldo = width;
    if (key > 0) {
      kernels_.scale_rows(scale);
      weighted.residual = weighted_;
    }
    kernels_.product(weighted);
    stopwatch_.lap(Operation::Weighting);
  }
  for (size_t r = 0; r < rows; ++r) sums_[r] = 1.0F / sums_[r];
  scale.factors = sums_;
  scale.out = out.f32;
  scale.out_bf16 = out.bf16;
  scale.ldo = out.ld;
  kernels_.scale_rows(scale);
  stopwatch_.lap(Operation::Weighting);
}

}  // namespace neso
