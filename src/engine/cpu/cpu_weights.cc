// SPDX-License-Identifier: Apache-2.0
#include "engine/cpu/cpu_weights.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/error.h"
#include "checkpoint/encoder_weights.h"
#include "engine/cpu/cpu_engine.h"
#include "engine/cpu/rotary.h"
#include "engine/cpu/weight_rows.h"
#include "engine/pooling.h"
#include "simd/panels.h"

namespace neso {
namespace {

Epilogue epilogue_of(Activation activation) {
  switch (activation) {
    case Activation::GeluErf:
      return Epilogue::GeluErf;
    case Activation::GeluTanh:
      return Epilogue::GeluTanh;
    case Activation::Relu:
      return Epilogue::Relu;
    case Activation::Silu:
      return Epilogue::Silu;
  }
  return Epilogue::None;
}

Format format_of(Precision precision) {
  switch (precision) {
    case Precision::Fp32:
      return Format::F32;
    case Precision::Bf16:
      return Format::Bf16;
    case Precision::Int8:
      return Format::Int8;
  }
  return Format::F32;
}

// Outputs of the first linear layer of the FFN, the gate's among them.
size_t up_columns(const CpuWeights& weights) {
  return weights.inner_columns() * (weights.architecture.gated ? 2 : 1);
}

// 32-bit words of a packed linear layer with all that belongs to it; each part starts on a cache
// line.
size_t linear_words(size_t k, size_t n, const CpuWeights& weights) {
  const Format format = format_of(weights.precision);
  const size_t panels =
      padded(PanelShape{units_of(format, k), n, weights.kernels->panel_width}.size());
  return panels + padded(n) * (format == Format::Int8 ? 3 : 1);
}

size_t total_words(const CpuWeights& weights) {
  const Architecture& a = weights.architecture;
  const size_t row = padded(a.hidden);
  const size_t norm = 2 * row;
  const size_t layer = linear_words(a.hidden, 3 * a.hidden, weights) +
                       linear_words(a.hidden, a.hidden, weights) +
                       linear_words(a.hidden, up_columns(weights), weights) +
                       linear_words(a.intermediate, a.hidden, weights) + 2 * norm;
  const size_t word_table = a.vocabulary * row / (weights.precision == Precision::Fp32 ? 1 : 2);
  const size_t positions = a.position_kind == PositionKind::Rotary
                               ? a.max_positions * rotary_row(a.head_size())
                               : a.max_positions * row;
  return word_table + positions + a.type_vocabulary * row + norm + a.layers * layer;
}

// The largest tensors that are read before they are packed, in floats.
size_t scratch_floats(const CpuWeights& weights) {
  const Architecture& a = weights.architecture;
  const bool rows_are_padded = padded(a.hidden) == a.hidden;
  const bool words_are_converted = weights.precision != Precision::Fp32;
  // Values and gates are read one after the other and arranged behind each other.
  const size_t ffn = up_columns(weights) + (a.gated ? a.intermediate : 0);
  size_t tables = rows_are_padded ? 0 : std::max(a.max_positions, a.type_vocabulary);
  if (!rows_are_padded || words_are_converted) tables = std::max(tables, a.vocabulary);
  return a.hidden * std::max({3 * a.hidden, ffn, tables});
}

class Packer {
 public:
  Packer(const WeightStore& store, CpuWeights& weights, std::span<float> scratch)
      : store_(store), weights_(weights), scratch_(scratch), free_(weights.memory.span()) {}

  Result<> pack(const EncoderWeightNames& names) {
    const Architecture& a = weights_.architecture;
    NESO_TRY(weights_.word, word_table(names.word));
    if (a.position_kind == PositionKind::Rotary) {
      const std::span<float> angles = take(a.max_positions * rotary_row(a.head_size()));
      rotary_angles(a.rotary.base, a.head_size(), angles);
      weights_.angles = angles.data();
    } else {
      NESO_TRY(weights_.position, table(names.position, a.max_positions));
    }
    if (a.type_vocabulary > 0) {
      NESO_TRY(weights_.type, table(names.type, a.type_vocabulary));
    }
    NESO_TRY(weights_.embedding_norm, norm(names.embedding_norm));
    for (const EncoderLayerWeightNames& layer : names.layers) {
      NESO_TRY_VOID(pack_layer(layer));
    }
    return {};
  }

 private:
  Result<> pack_layer(const EncoderLayerWeightNames& names) {
    const Architecture& a = weights_.architecture;
    LayerWeights layer;
    NESO_TRY(layer.qkv, linear(names.qkv, a.hidden, 3 * a.hidden / names.qkv.size()));
    NESO_TRY(layer.attention_output, linear({&names.attention_output, 1}, a.hidden, a.hidden));
    NESO_TRY(layer.attention_norm, norm(names.attention_norm));
    if (a.gated) {
      NESO_TRY(layer.up, gated(names.up, names.gate));
    } else {
      NESO_TRY(layer.up, linear({&names.up, 1}, a.hidden, a.intermediate));
    }
    NESO_TRY(layer.down, linear({&names.down, 1}, a.intermediate, a.hidden));
    NESO_TRY(layer.output_norm, norm(names.output_norm));
    weights_.layers.push_back(layer);
    return {};
  }

  std::span<float> take(size_t floats) {
    NESO_CHECK(floats <= free_.size());
    const std::span<float> taken = free_.first(floats);
    free_ = free_.subspan(floats);
    return taken;
  }

  Result<> read(const std::string& name, std::span<float> out) {
    NESO_TRY_VOID(store_.read_fp32(name, out));
    if (all_finite(out)) return {};
    const auto bad =
        std::ranges::find_if_not(out, [](float value) { return std::isfinite(value); });
    return invalid_argument(
        "weight '{}' holds {} at element {}: the model would answer nonsense; get or export the "
        "weights again",
        name, *bad, bad - out.begin());
  }

  // [rows, hidden] into rows of padded(hidden).
  Result<const float*> table(const std::string& name, size_t rows) {
    const size_t hidden = weights_.architecture.hidden;
    const size_t ld = padded(hidden);
    const std::span<float> out = take(rows * ld);
    if (ld == hidden) {
      NESO_TRY_VOID(read(name, out));
      return out.data();
    }
    const std::span<float> in = scratch_.first(rows * hidden);
    NESO_TRY_VOID(read(name, in));
    for (size_t r = 0; r < rows; ++r)
      std::ranges::copy(in.subspan(r * hidden, hidden), out.begin() + r * ld);
    return out.data();
  }

  Result<EmbeddingTable> word_table(const std::string& name) {
    const Architecture& a = weights_.architecture;
    EmbeddingTable result;
    if (weights_.precision == Precision::Fp32) {
      NESO_TRY(result.f32, table(name, a.vocabulary));
      return result;
    }
    const size_t row = padded(a.hidden) / 2;
    const std::span<float> in = scratch_.first(a.vocabulary * a.hidden);
    NESO_TRY_VOID(read(name, in));
    auto* words = reinterpret_cast<uint32_t*>(take(a.vocabulary * row).data());
    for (size_t r = 0; r < a.vocabulary; ++r)
      bf16_row(in.subspan(r * a.hidden, a.hidden), {words + r * row, row});
    result.bf16 = reinterpret_cast<const Bf16*>(words);
    return result;
  }

  // One row; what is behind it stays zero.
  Result<const float*> row(const std::string& name, size_t size) {
    const std::span<float> out = take(padded(size));
    NESO_TRY_VOID(read(name, out.first(size)));
    return out.data();
  }

  Result<NormWeights> norm(const WeightAndBias& names) {
    NormWeights result;
    NESO_TRY(result.scale, row(names.weight, weights_.architecture.hidden));
    NESO_TRY(result.shift, row(names.bias, weights_.architecture.hidden));
    return result;
  }

  // Layers of k inputs and n outputs each, side by side as one.
  Result<PackedLinear> linear(std::span<const WeightAndBias> parts, size_t k, size_t n) {
    const std::span<float> bias = take_bias(parts.front(), n * parts.size());
    size_t first = 0;
    for (const WeightAndBias& part : parts) {
      NESO_TRY_VOID(read(part.weight, scratch_.subspan(first * k, n * k)));
      if (!bias.empty()) {
        NESO_TRY_VOID(read(part.bias, bias.subspan(first, n)));
      }
      first += n;
    }
    return pack_scratch(k, n * parts.size(), bias);
  }

  // Values and gates in turn, half a panel each, zeros where they end.
  Result<PackedLinear> gated(const WeightAndBias& up, const WeightAndBias& gate) {
    const Architecture& a = weights_.architecture;
    const size_t half = weights_.kernels->panel_width / 2;
    const size_t columns = 2 * weights_.inner_columns();
    const std::span<float> arranged = scratch_.first(columns * a.hidden);
    const std::span<float> part = scratch_.subspan(arranged.size(), a.intermediate * a.hidden);
    std::vector<float> part_bias(a.intermediate);
    const std::span<float> bias = take_bias(up, columns);
    std::ranges::fill(arranged, 0.0F);
    size_t offset = 0;
    for (const WeightAndBias* names : {&up, &gate}) {
      NESO_TRY_VOID(read(names->weight, part));
      if (!bias.empty()) {
        NESO_TRY_VOID(read(names->bias, part_bias));
      }
      for (size_t r = 0; r < a.intermediate; ++r) {
        const size_t place = r / half * 2 * half + r % half + offset;
        std::ranges::copy(part.subspan(r * a.hidden, a.hidden),
                          arranged.begin() + static_cast<ptrdiff_t>(place * a.hidden));
        if (!bias.empty()) bias[place] = part_bias[r];
      }
      offset = half;
    }
    return pack_scratch(a.hidden, columns, bias);
  }

  std::span<float> take_bias(const WeightAndBias& names, size_t n) {
    return names.bias.empty() ? std::span<float>() : take(padded(n));
  }

  // The [n, k] at the beginning of scratch memory, which may be overwritten.
  PackedLinear pack_scratch(size_t k, size_t n, std::span<const float> bias) {
    const Format format = format_of(weights_.precision);
    const PanelShape shape{units_of(format, k), n, weights_.kernels->panel_width};
    const std::span<float> panels = take(padded(shape.size()));
    PackedLinear result;
    result.panels = {format, panels.data(), k, n};
    result.bias = bias.data();
    if (format == Format::F32) {
      pack_transposed(*weights_.kernels, shape, scratch_.data(), k, panels.data());
    } else {
      pack_converted(shape, k, result.panels);
    }
    return result;
  }

  // From the [n, k] in scratch memory, which is overwritten.
  void pack_converted(const PanelShape& shape, size_t k, Panels& panels) {
    const bool int8 = panels.format == Format::Int8;
    const std::span<float> scales = int8 ? take(padded(shape.n)) : std::span<float>();
    const std::span<float> sums = int8 ? take(padded(shape.n)) : std::span<float>();
    auto* units = reinterpret_cast<uint32_t*>(scratch_.data());
    auto* sum_integers = reinterpret_cast<int32_t*>(sums.data());
    for (size_t r = 0; r < shape.n; ++r) {
      // In place: a row of units is not longer than a row of floats, and each is read before.
      row_.assign(scratch_.begin() + static_cast<ptrdiff_t>(r * k),
                  scratch_.begin() + static_cast<ptrdiff_t>((r + 1) * k));
      const std::span<uint32_t> out(units + r * shape.units, shape.units);
      if (int8) {
        const QuantizedRow row = int8_row(row_, out);
        scales[r] = row.scale;
        sum_integers[r] = row.sum;
      } else {
        bf16_row(row_, out);
      }
    }
    pack_transposed(*weights_.kernels, shape, units, shape.units, const_cast<void*>(panels.data));
    panels.scales = scales.data();
    panels.sums = sum_integers;
  }

  const WeightStore& store_;
  CpuWeights& weights_;
  std::span<float> scratch_;
  std::span<float> free_;
  std::vector<float> row_;
};

}  // namespace

size_t CpuWeights::inner_columns() const {
  if (!architecture.gated) return architecture.intermediate;
  const size_t half = kernels->panel_width / 2;
  return (architecture.intermediate + half - 1) / half * half;
}

Result<std::shared_ptr<const CpuWeights>> load_cpu_weights(const Checkpoint& checkpoint,
                                                           Precision precision, Isa isa) {
  NESO_TRY(const EncoderWeightNames names, encoder_weight_names(checkpoint));
  auto weights = std::make_shared<CpuWeights>();
  weights->architecture = checkpoint.architecture;
  weights->kernels = &kernel_table(isa);
  weights->activation = epilogue_of(checkpoint.architecture.activation);
  weights->precision = precision;
  // A pair of bf16 must not straddle two heads.
  const bool even_heads = checkpoint.architecture.head_size() % 2 == 0;
  weights->activations = precision == Precision::Fp32 || !even_heads ? Format::F32 : Format::Bf16;
  NESO_TRY(weights->memory, FloatBuffer::allocate(total_words(*weights), "weights"));
  NESO_TRY(FloatBuffer scratch, FloatBuffer::allocate(scratch_floats(*weights), "reading weights"));
  NESO_TRY_VOID(Packer(*checkpoint.weights, *weights, scratch.span()).pack(names));
  return std::shared_ptr<const CpuWeights>(std::move(weights));
}

}  // namespace neso
