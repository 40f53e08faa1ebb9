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
#include "engine/pooling.h"
#include "simd/cpu.h"
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

// Floats of a packed linear layer with its bias; panels start on a cache line.
size_t linear_floats(size_t k, size_t n, size_t panel_width) {
  return padded(PanelShape{k, n, panel_width}.floats()) + padded(n);
}

size_t total_floats(const Architecture& a, size_t panel_width) {
  const size_t row = padded(a.hidden);
  const size_t norm = 2 * row;
  const size_t layer = linear_floats(a.hidden, 3 * a.hidden, panel_width) +
                       linear_floats(a.hidden, a.hidden, panel_width) +
                       linear_floats(a.hidden, a.intermediate, panel_width) +
                       linear_floats(a.intermediate, a.hidden, panel_width) + 2 * norm;
  return (a.vocabulary + a.max_positions + a.type_vocabulary) * row + norm + a.layers * layer;
}

// The largest tensors that are read before they are packed, in floats.
size_t scratch_floats(const Architecture& a) {
  const bool rows_are_padded = padded(a.hidden) == a.hidden;
  const size_t tables =
      rows_are_padded ? 0 : std::max({a.vocabulary, a.max_positions, a.type_vocabulary});
  return a.hidden * std::max({3 * a.hidden, a.intermediate, tables});
}

class Packer {
 public:
  Packer(const WeightStore& store, CpuWeights& weights, std::span<float> scratch)
      : store_(store), weights_(weights), scratch_(scratch), free_(weights.memory.span()) {}

  Result<> pack(const EncoderWeightNames& names) {
    const Architecture& a = weights_.architecture;
    NESO_TRY(weights_.word, table(names.word, a.vocabulary));
    NESO_TRY(weights_.position, table(names.position, a.max_positions));
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
    NESO_TRY(layer.qkv, linear({&names.query, &names.key, &names.value}, a.hidden, a.hidden));
    NESO_TRY(layer.attention_output, linear({&names.attention_output}, a.hidden, a.hidden));
    NESO_TRY(layer.attention_norm, norm(names.attention_norm));
    NESO_TRY(layer.up, linear({&names.up}, a.hidden, a.intermediate));
    NESO_TRY(layer.down, linear({&names.down}, a.intermediate, a.hidden));
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
  Result<PackedLinear> linear(std::initializer_list<const WeightAndBias*> parts, size_t k,
                              size_t n) {
    const PanelShape shape{k, n * parts.size(), weights_.kernels->panel_width};
    const std::span<float> panels = take(padded(shape.floats()));
    const std::span<float> bias = take(padded(shape.n));
    size_t first = 0;
    for (const WeightAndBias* part : parts) {
      NESO_TRY_VOID(read(part->weight, scratch_.subspan(first * k, n * k)));
      NESO_TRY_VOID(read(part->bias, bias.subspan(first, n)));
      first += n;
    }
    pack_transposed(shape, scratch_.data(), k, panels.data());
    return PackedLinear{panels.data(), bias.data(), k, shape.n};
  }

  const WeightStore& store_;
  CpuWeights& weights_;
  std::span<float> scratch_;
  std::span<float> free_;
};

}  // namespace

Result<std::shared_ptr<const CpuWeights>> pack_cpu_weights(const Checkpoint& checkpoint, Isa isa) {
  NESO_TRY(const EncoderWeightNames names, encoder_weight_names(checkpoint));
  const Architecture& architecture = checkpoint.architecture;
  auto weights = std::make_shared<CpuWeights>();
  weights->architecture = architecture;
  weights->kernels = &kernel_table(isa);
  weights->activation = epilogue_of(architecture.activation);
  NESO_TRY(
      weights->memory,
      FloatBuffer::allocate(total_floats(architecture, weights->kernels->panel_width), "weights"));
  NESO_TRY(FloatBuffer scratch,
           FloatBuffer::allocate(scratch_floats(architecture), "reading weights"));
  NESO_TRY_VOID(Packer(*checkpoint.weights, *weights, scratch.span()).pack(names));
  return std::shared_ptr<const CpuWeights>(std::move(weights));
}

Result<std::shared_ptr<const CpuWeights>> load_cpu_weights(const Checkpoint& checkpoint,
                                                           Precision precision) {
  switch (precision) {
    case Precision::Fp32:
      return pack_cpu_weights(checkpoint, supported_isas().back());
  }
  return unsupported("the CPU engine has no precision {}; use fp32", static_cast<int>(precision));
}

}  // namespace neso
