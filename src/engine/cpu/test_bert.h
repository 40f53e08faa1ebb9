// SPDX-License-Identifier: Apache-2.0
// For tests: a BERT or nomic-bert of any size with pseudo-random weights, in memory. The weights
// are those of tools/make_bert.py and make_nomic.py, bit for bit; the formula stands there.
#pragma once

#include <cmath>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "checkpoint/checkpoint.h"

namespace neso {

inline uint32_t mix_bits(uint32_t x) {
  x ^= x >> 16;
  x *= 0x85ebca6bU;
  x ^= x >> 13;
  x *= 0xc2b2ae35U;
  return x ^ (x >> 16);
}

class RandomWeights final : public WeightStore {
 public:
  // Named as a's family names them.
  RandomWeights(const Architecture& a, uint32_t seed) : seed_(seed) {
    a.family == "nomic_bert" ? add_nomic(a) : add_bert(a);
  }

  // From now on this element of the tensor reads as `value`.
  void spoil(const std::string& name, size_t element, float value) {
    spoilt_[name] = {element, value};
  }

  std::vector<std::string> names() const override {
    std::vector<std::string> names;
    for (const auto& [name, info] : tensors_) names.push_back(name);
    return names;
  }

  const WeightInfo* find(std::string_view name) const override {
    const auto found = tensors_.find(name);
    return found == tensors_.end() ? nullptr : &found->second;
  }

  Result<> read_fp32(std::string_view name, std::span<float> out) const override {
    const WeightInfo* info = find(name);
    if (info == nullptr) return not_found("no tensor '{}'", name);
    const bool norm = name.ends_with(".weight") && info->shape.size() == 1;
    double amplitude = 0;
    if (norm) {
      amplitude = 0.25;
    } else if (name.ends_with(".bias")) {
      amplitude = 0.125;
    } else if (name.find("embeddings.") != std::string_view::npos) {
      amplitude = 0.5;
    } else {
      amplitude = std::sqrt(3.0 / static_cast<double>(info->shape[1]));
    }
    uint32_t hash = 0x811c9dc5U;
    for (const char c : name) hash = (hash ^ static_cast<uint8_t>(c)) * 0x01000193U;
    const uint32_t state = mix_bits(hash + seed_);
    for (size_t i = 0; i < out.size(); ++i) {
      const uint32_t bits = mix_bits(static_cast<uint32_t>(i) * 0x9e3779b9U + state) >> 8;
      const double unit = static_cast<double>(bits) / 8388608.0 - 1.0;
      out[i] = static_cast<float>((norm ? 1.0 : 0.0) + amplitude * unit);
    }
    if (const auto spoilt = spoilt_.find(name); spoilt != spoilt_.end()) {
      out[spoilt->second.first] = spoilt->second.second;
    }
    return {};
  }

 private:
  void add_bert(const Architecture& a) {
    const auto h = static_cast<int64_t>(a.hidden);
    const auto inner = static_cast<int64_t>(a.intermediate);
    add("embeddings.word_embeddings.weight", {static_cast<int64_t>(a.vocabulary), h});
    add("embeddings.position_embeddings.weight", {static_cast<int64_t>(a.max_positions), h});
    add("embeddings.token_type_embeddings.weight", {static_cast<int64_t>(a.type_vocabulary), h});
    add_norm("embeddings.LayerNorm", h);
    for (size_t layer = 0; layer < a.layers; ++layer) {
      const std::string prefix = "encoder.layer." + std::to_string(layer) + ".";
      for (const char* part : {"query", "key", "value"})
        add_linear(prefix + "attention.self." + part, h, h);
      add_linear(prefix + "attention.output.dense", h, h);
      add_norm(prefix + "attention.output.LayerNorm", h);
      add_linear(prefix + "intermediate.dense", inner, h);
      add_linear(prefix + "output.dense", h, inner);
      add_norm(prefix + "output.LayerNorm", h);
    }
  }
  void add_nomic(const Architecture& a) {
    const auto h = static_cast<int64_t>(a.hidden);
    const auto inner = static_cast<int64_t>(a.intermediate);
    add("embeddings.word_embeddings.weight", {static_cast<int64_t>(a.vocabulary), h});
    add("embeddings.token_type_embeddings.weight", {static_cast<int64_t>(a.type_vocabulary), h});
    add_norm("emb_ln", h);
    for (size_t layer = 0; layer < a.layers; ++layer) {
      const std::string prefix = "encoder.layers." + std::to_string(layer) + ".";
      add(prefix + "attn.Wqkv.weight", {3 * h, h});
      add(prefix + "attn.out_proj.weight", {h, h});
      add(prefix + "mlp.fc11.weight", {inner, h});
      add(prefix + "mlp.fc12.weight", {inner, h});
      add(prefix + "mlp.fc2.weight", {h, inner});
      add_norm(prefix + "norm1", h);
      add_norm(prefix + "norm2", h);
    }
  }
  void add(const std::string& name, Shape shape) {
    tensors_[name] = WeightInfo{DType::Fp32, std::move(shape)};
  }
  void add_norm(const std::string& name, int64_t size) {
    add(name + ".weight", {size});
    add(name + ".bias", {size});
  }
  void add_linear(const std::string& name, int64_t outputs, int64_t inputs) {
    add(name + ".weight", {outputs, inputs});
    add(name + ".bias", {outputs});
  }

  uint32_t seed_;
  std::map<std::string, WeightInfo, std::less<>> tensors_;
  std::map<std::string, std::pair<size_t, float>, std::less<>> spoilt_;
};

// The sizes of all-MiniLM-L6-v2 that time depends on.
inline Architecture minilm_sizes() {
  Architecture a;
  a.hidden = 384;
  a.layers = 6;
  a.heads = 12;
  a.intermediate = 1536;
  return a;
}

// Two narrow layers.
inline Architecture narrow_sizes() {
  Architecture a;
  a.hidden = 64;
  a.layers = 2;
  a.heads = 4;
  a.intermediate = 100;
  a.vocabulary = 50;
  a.type_vocabulary = 2;
  return a;
}

// Of architecture.family.
inline Checkpoint random_encoder(const Architecture& architecture, uint32_t seed) {
  Checkpoint checkpoint;
  checkpoint.architecture = architecture;
  checkpoint.max_tokens = architecture.max_positions;
  checkpoint.weights = std::make_shared<RandomWeights>(architecture, seed);
  return checkpoint;
}

inline Checkpoint random_bert(Architecture architecture, uint32_t seed) {
  architecture.family = "bert";
  return random_encoder(architecture, seed);
}

// With what the family fixes.
inline Checkpoint random_nomic(Architecture architecture, uint32_t seed) {
  architecture.family = "nomic_bert";
  architecture.gated = true;
  architecture.position_kind = PositionKind::Rotary;
  return random_encoder(architecture, seed);
}

}  // namespace neso
