// SPDX-License-Identifier: Apache-2.0
#include "engine/cpu/encoder_pass.h"

#include <algorithm>
#include <bit>
#include <cstdint>

#include "engine/cpu/rotary.h"
#include "simd/panels.h"

namespace neso {

namespace {

void widen(const Bf16* in, size_t count, float* out) {
  for (size_t i = 0; i < count; ++i) {
    out[i] = std::bit_cast<float>(static_cast<uint32_t>(in[i]) << 16U);
  }
}

size_t position_of(const TokenBatch& batch, size_t token, size_t start) {
  return batch.positions.empty() ? token - start : static_cast<size_t>(batch.positions[token]);
}

void set_output(Product& product, const Activations& out) {
  product.out = out.f32;
  product.out_bf16 = out.bf16;
  product.ldo = out.ld;
}

}  // namespace

EncoderPass::EncoderPass(const CpuWeights& weights, const PassInput& input, const Chunk& chunk,
                         Workspace& shared, Workspace& own, PassMember member)
    : weights_(weights),
      batch_(input.batch),
      chunk_(chunk),
      member_(member),
      split_columns_(splits_columns(chunk.rows(), member.count)),
      leaves_out_(input.wanted != Wanted::All && member.count == 1),
      wanted_(input.wanted),
      row_(padded(weights.architecture.hidden)),
      rows_(split_columns_ ? Range{0, chunk.rows()} : share(chunk.rows())),
      // With split columns every member norms all rows, into states of its own.
      states_(split_columns_ ? own.states() : shared.states()),
      sums_(shared.sums()),
      qkv_(shared.qkv()),
      context_(shared.context()),
      inner_(split_columns_ ? shared.inner() : own.inner()),
      operand_(own.operand()),
      stopwatch_(member.profile),
      attention_(
          *weights.kernels,
          {weights.architecture.hidden, weights.architecture.head_size(), weights.activations},
          own.longest(), own.attention(), stopwatch_),
      scaled_angles_(input.scaled_angles),
      angles_(split_columns_ ? own.angles() : shared.angles()) {}

EncoderPass::Range EncoderPass::share(size_t size) const {
  return {size * member_.index / member_.count, size * (member_.index + 1) / member_.count};
}

void EncoderPass::meet() {
  if (member_.barrier == nullptr) return;
  member_.barrier->arrive_and_wait();
  stopwatch_.lap(Operation::Wait);
}

void EncoderPass::run() {
  if (angles_ != nullptr) find_angles();
  embed();
  for (const LayerWeights& layer : weights_.layers) {
    queries_keys_values(layer);
    meet();
    if (leaves_out_ && &layer == &weights_.layers.back()) {
      attend_to_wanted();
    } else {
      attend();
    }
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
      const auto id = static_cast<size_t>(batch_.ids[token]);
      const size_t place = position_of(batch_, token, start);
      const size_t type = batch_.type_ids.empty() ? 0 : static_cast<size_t>(batch_.type_ids[token]);
      float* out = states_ + r * row_;
      if (weights_.word.f32 != nullptr) {
        std::copy_n(weights_.word.f32 + id * row_, hidden, out);
      } else {
        widen(weights_.word.bf16 + id * row_, hidden, out);
      }
      if (weights_.type != nullptr) {
        const float* kind = weights_.type + type * row_;
        for (size_t c = 0; c < hidden; ++c) out[c] += kind[c];
      }
      if (weights_.position != nullptr) {
        const float* position = weights_.position + place * row_;
        for (size_t c = 0; c < hidden; ++c) out[c] += position[c];
      }
    }
  }
  normalize(states_, weights_.embedding_norm, rows_);
  stopwatch_.lap(Operation::Embed);
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

// Everything but where it goes. `in` is converted into this member's own operand memory, so that
// only one product at a time can be prepared.
Product EncoderPass::product_of(const PackedLinear& linear, const Activations& in, size_t rows) {
  const Operand operand =
      make_operand(*weights_.kernels, in, {rows, linear.panels.k, linear.panels.format}, operand_);
  stopwatch_.lap(Operation::Convert);
  Product product;
  product.a = operand.values;
  product.lda = operand.ld;
  product.a_scales = operand.scales;
  product.rows = rows;
  product.b = linear.panels;
  product.bias = linear.bias;
  return product;
}

// This member's part of a product's columns, in whole panels.
EncoderPass::Range EncoderPass::columns_of_member(size_t columns) const {
  const size_t width = weights_.kernels->panel_width;
  const Range panels = share((columns + width - 1) / width);
  return {std::min(columns, panels.begin * width), std::min(columns, panels.end * width)};
}

// Only this member's columns when columns are split.
void EncoderPass::multiply(Product product) const {
  if (split_columns_) {
    const Range mine = columns_of_member(product.b.n);
    if (mine.begin == mine.end) return;
    const size_t out = product.gated ? mine.begin / 2 : mine.begin;
    product.b = columns_of(product.b, mine.begin, mine.end);
    if (product.bias != nullptr) product.bias += mine.begin;
    if (product.out != nullptr) product.out += out;
    if (product.out_bf16 != nullptr) product.out_bf16 += out;
    if (product.residual != nullptr) product.residual += out;
  }
  weights_.kernels->product(product);
}

// Of this member's rows. Rotary angles follow the position, and with dynamic scaling the sequence's
// own length.
void EncoderPass::find_angles() {
  const size_t row = rotary_row(weights_.architecture.head_size());
  for (size_t i = 0; i < chunk_.sequences.size(); ++i) {
    const size_t sequence = chunk_.sequences[i];
    const auto start = static_cast<size_t>(batch_.cu_seqlens[sequence]);
    const float* scaled = scaled_angles_.of(sequence);
    const float* table = scaled != nullptr ? scaled : weights_.angles;
    const size_t begin = std::max(chunk_.offsets[i], rows_.begin);
    const size_t end = std::min(chunk_.offsets[i + 1], rows_.end);
    for (size_t r = begin; r < end; ++r) {
      const size_t token = start + (r - chunk_.offsets[i]);
      angles_[r] = table + position_of(batch_, token, start) * row;
    }
  }
}

void EncoderPass::queries_keys_values(const LayerWeights& layer) {
  const Architecture& a = weights_.architecture;
  for (size_t begin = rows_.begin; begin < rows_.end; begin += kRowBlock) {
    const Range rows{begin, std::min(begin + kRowBlock, rows_.end)};
    Product product = product_of(layer.qkv, states_at(begin), rows.end - rows.begin);
    set_output(product, qkv_.at(begin));
    multiply(product);
    stopwatch_.lap(Operation::QueryKeyValue);
    if (angles_ != nullptr && !split_columns_) rotate(rows, {0, 2 * a.heads});
  }
  if (angles_ == nullptr || !split_columns_) return;
  // Columns are those of the queries' heads, of the keys' heads, then of the values', which stay.
  const size_t head = a.head_size();
  if (weights_.kernels->panel_width % head == 0) {
    const Range columns = columns_of_member(3 * a.hidden);
    const size_t end = std::min(columns.end, 2 * a.hidden);
    if (columns.begin < end) rotate(rows_, {columns.begin / head, end / head});
  } else {
    // A head's columns are of several members.
    meet();
    const Range heads = share(2 * a.heads);
    rotate(rows_, heads);
  }
}

void EncoderPass::rotate(Range rows, Range heads) {
  const size_t head_size = weights_.architecture.head_size();
  const Activations x = qkv_.at(rows.begin, heads.begin * head_size);
  Rotate rotate;
  rotate.x = x.f32;
  rotate.x_bf16 = x.bf16;
  rotate.ld = x.ld;
  rotate.rows = rows.end - rows.begin;
  rotate.heads = heads.end - heads.begin;
  rotate.head_size = head_size;
  rotate.angles = angles_ + rows.begin;
  weights_.kernels->rotate(rotate);
  stopwatch_.lap(Operation::Rotate);
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
        if (!selected) attention_.select(qkv_.at(start), tokens, head);
        selected = true;
        attention_.attend(first, rows, context_.at(start));
      }
    }
  }
}

// The row of the chunk that is wanted of sequence i.
size_t EncoderPass::wanted_row(size_t i) const {
  return wanted_ == Wanted::First ? chunk_.offsets[i] : chunk_.offsets[i + 1] - 1;
}

// Attention of the wanted rows alone, which then are all that there are: they move up, in order,
// over those that nobody needs.
void EncoderPass::attend_to_wanted() {
  const Architecture& a = weights_.architecture;
  for (size_t i = 0; i < chunk_.sequences.size(); ++i) {
    const size_t start = chunk_.offsets[i];
    const size_t row = wanted_row(i);
    for (size_t head = 0; head < a.heads; ++head) {
      attention_.select(qkv_.at(start), chunk_.offsets[i + 1] - start, head);
      attention_.attend(row - start, 1, context_.at(start));
    }
    std::copy_n(states_ + row * row_, a.hidden, states_ + i * row_);
    if (context_.f32 != nullptr) std::copy_n(context_.at(row).f32, a.hidden, context_.at(i).f32);
    if (context_.bf16 != nullptr) std::copy_n(context_.at(row).bf16, a.hidden, context_.at(i).bf16);
  }
  rows_ = {0, chunk_.sequences.size()};
}

// x = norm(x + output(context)); x = norm(x + down(activation(up(x)))). When rows are split nobody
// waits: a member needs only what it computed itself.
void EncoderPass::after_attention(const LayerWeights& layer, Range rows) {
  const size_t count = rows.end - rows.begin;
  const Activations sums{sums_ + rows.begin * row_, nullptr, row_};
  Product output = product_of(layer.attention_output, context_.at(rows.begin), count);
  output.residual = states_ + rows.begin * row_;
  set_output(output, sums);
  multiply(output);
  stopwatch_.lap(Operation::Output);
  if (split_columns_) meet();
  normalize(sums_, layer.attention_norm, rows);
  stopwatch_.lap(Operation::Norm);

  Product up = product_of(layer.up, states_at(rows.begin), count);
  up.epilogue = weights_.activation;
  up.gated = weights_.architecture.gated;
  set_output(up, inner_);
  multiply(up);
  stopwatch_.lap(Operation::Up);
  if (split_columns_) meet();

  Product down = product_of(layer.down, inner_, count);
  down.residual = output.residual;
  set_output(down, sums);
  multiply(down);
  stopwatch_.lap(Operation::Down);
  if (split_columns_) meet();
  normalize(sums_, layer.output_norm, rows);
  stopwatch_.lap(Operation::Norm);
}

}  // namespace neso
