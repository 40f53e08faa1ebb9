// SPDX-License-Identifier: Apache-2.0
#include "engine/cpu/encoder_pass.h"

#include <algorithm>

namespace neso {

EncoderPass::EncoderPass(const CpuWeights& weights, const TokenBatch& batch, const Chunk& chunk,
                         Workspace& shared, Workspace& own, PassMember member)
    : weights_(weights),
      batch_(batch),
      chunk_(chunk),
      member_(member),
      split_columns_(splits_columns(chunk.rows(), member.count)),
      row_(padded(weights.architecture.hidden)),
      qkv_row_(padded(3 * weights.architecture.hidden)),
      rows_(split_columns_ ? Range{0, chunk.rows()} : share(chunk.rows())),
      // With split columns every member norms all rows, into states of its own.
      states_(split_columns_ ? own.states() : shared.states()),
      qkv_(shared.qkv()),
      context_(shared.context()),
      sums_(shared.sums()),
      inner_(split_columns_ ? shared.inner() : own.inner()),
      attention_(*weights.kernels, {weights.architecture.hidden, weights.architecture.head_size()},
                 own.longest(), own.attention()) {}

EncoderPass::Range EncoderPass::share(size_t size) const {
  return {size * member_.index / member_.count, size * (member_.index + 1) / member_.count};
}

void EncoderPass::meet() const {
  if (member_.barrier != nullptr) member_.barrier->arrive_and_wait();
}

void EncoderPass::run() {
  embed();
  for (const LayerWeights& layer : weights_.layers) {
    queries_keys_values(layer);
    meet();
    attend();
    meet();
    for (size_t begin = rows_.begin; begin < rows_.end; begin += kRowBlock) {
      after_attention(layer, {begin, std::min(begin + kRowBlock, rows_.end)});
    }
  }
  meet();
}

void EncoderPass::embed() {
  const size_t hidden = weights_.architecture.hidden;
  for (size_t i = 0; i < chunk_.sequences.size(); ++i) {
    const auto start = static_cast<size_t>(batch_.cu_seqlens[chunk_.sequences[i]]);
    const size_t begin = std::max(chunk_.offsets[i], rows_.begin);
    const size_t end = std::min(chunk_.offsets[i + 1], rows_.end);
    for (size_t r = begin; r < end; ++r) {
      const size_t token = start + (r - chunk_.offsets[i]);
      const size_t place =
          batch_.positions.empty() ? token - start : static_cast<size_t>(batch_.positions[token]);
      const size_t type = batch_.type_ids.empty() ? 0 : static_cast<size_t>(batch_.type_ids[token]);
      const float* word = weights_.word + static_cast<size_t>(batch_.ids[token]) * row_;
      const float* position = weights_.position + place * row_;
      float* out = states_ + r * row_;
      if (weights_.type == nullptr) {
        for (size_t c = 0; c < hidden; ++c) out[c] = word[c] + position[c];
      } else {
        const float* kind = weights_.type + type * row_;
        for (size_t c = 0; c < hidden; ++c) out[c] = word[c] + kind[c] + position[c];
      }
    }
  }
  normalize(states_, weights_.embedding_norm, rows_);
}

// states = norm(in)
void EncoderPass::normalize(const float* in, const NormWeights& weights, Range rows) {
  LayerNorm norm;
  norm.in = in + rows.begin * row_;
  norm.out = states_ + rows.begin * row_;
  norm.ld = row_;
  norm.rows = rows.end - rows.begin;
  norm.n = weights_.architecture.hidden;
  norm.scale = weights.scale;
  norm.shift = weights.shift;
  norm.epsilon = weights_.architecture.norm_epsilon;
  weights_.kernels->layer_norm(norm);
}

// operands says everything but the weights; only this member's columns are computed when columns
// are split.
void EncoderPass::multiply(const PackedLinear& linear, const Product& operands) const {
  const size_t width = weights_.kernels->panel_width;
  const size_t panels = (linear.n + width - 1) / width;
  const Range mine = split_columns_ ? share(panels) : Range{0, panels};
  if (mine.begin == mine.end) return;
  const size_t first = mine.begin * width;
  Product product = operands;
  product.panels = linear.panels + first * linear.k;
  product.bias = linear.bias + first;
  product.k = linear.k;
  product.n = std::min(linear.n, mine.end * width) - first;
  product.out += first;
  if (product.residual != nullptr) product.residual += first;
  weights_.kernels->product(product);
}

void EncoderPass::queries_keys_values(const LayerWeights& layer) {
  for (size_t begin = rows_.begin; begin < rows_.end; begin += kRowBlock) {
    Product product;
    product.a = states_ + begin * row_;
    product.lda = row_;
    product.rows = std::min(kRowBlock, rows_.end - begin);
    product.out = qkv_ + begin * qkv_row_;
    product.ldo = qkv_row_;
    multiply(layer.qkv, product);
  }
}

// Items are blocks of query rows, by sequence, then head. Each member takes those whose middle lies
// in its share of the total work.
void EncoderPass::attend() {
  const size_t heads = weights_.architecture.heads;
  size_t total = 0;
  for (size_t i = 0; i < chunk_.sequences.size(); ++i) {
    const size_t tokens = chunk_.offsets[i + 1] - chunk_.offsets[i];
    total += 2 * tokens * tokens * heads;
  }
  const Range mine = share(total);
  size_t done = 0;
  for (size_t i = 0; i < chunk_.sequences.size(); ++i) {
    const size_t start = chunk_.offsets[i];
    const size_t tokens = chunk_.offsets[i + 1] - start;
    for (size_t head = 0; head < heads; ++head) {
      bool selected = false;
      for (size_t first = 0; first < tokens; first += kQueryRows) {
        const size_t rows = std::min(kQueryRows, tokens - first);
        const size_t middle = done + rows * tokens;
        done += 2 * rows * tokens;
        if (middle < mine.begin || middle >= mine.end) continue;
        if (!selected) attention_.select(qkv_ + start * qkv_row_, qkv_row_, tokens, head);
        selected = true;
        attention_.attend(first, rows, context_ + start * row_, row_);
      }
    }
  }
}

// x = norm(x + output(context)); x = norm(x + down(activation(up(x)))). When rows are split nobody
// waits: a member needs only what it computed itself.
void EncoderPass::after_attention(const LayerWeights& layer, Range rows) {
  const size_t inner_row = padded(weights_.architecture.intermediate);
  Product output;
  output.a = context_ + rows.begin * row_;
  output.lda = row_;
  output.rows = rows.end - rows.begin;
  output.residual = states_ + rows.begin * row_;
  output.out = sums_ + rows.begin * row_;
  output.ldo = row_;
  multiply(layer.attention_output, output);
  if (split_columns_) meet();
  normalize(sums_, layer.attention_norm, rows);

  Product up;
  up.a = states_ + rows.begin * row_;
  up.lda = row_;
  up.rows = output.rows;
  up.out = inner_;
  up.ldo = inner_row;
  up.epilogue = weights_.activation;
  multiply(layer.up, up);
  if (split_columns_) meet();

  Product down = output;
  down.a = inner_;
  down.lda = inner_row;
  multiply(layer.down, down);
  if (split_columns_) meet();
  normalize(sums_, layer.output_norm, rows);
}

}  // namespace neso
