// SPDX-License-Identifier: Apache-2.0
// The encoder families that our engines run, as data: one row says how config.json spells the
// sizes, what else it must say, and how the weights are named. Supporting a family that fits the
// encoder is one more row.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "checkpoint/architecture.h"
#include "checkpoint/config_file.h"

namespace neso {

// A key of config.json and its value when absent, as in the family's class in transformers. Some
// families have a second name for it, which counts when the first is not there.
struct SizeKey {
  std::string_view key;
  size_t absent = 0;
  std::string_view other_key = {};
};

// A key that changes the computation: absent, or this value.
struct FixedKey {
  std::string_view key;
  std::variant<bool, std::string_view> value;
};

// Tensor names without prefix. A linear layer or norm is named without ".weight" and ".bias"; "{}"
// is the layer.
struct WeightTemplates {
  std::string_view word, position, type, embedding_norm;
  std::vector<std::string_view> qkv;  // three, or one that holds all
  std::string_view attention_output, attention_norm;
  std::string_view up, gate, down, output_norm;
};

// An activation's name in config.json, and whether it means a gated FFN.
struct ActivationName {
  std::string_view name;
  Activation activation;
  bool gated = false;
};

struct Family {
  std::string_view name;                        // config.json's model_type
  std::vector<std::string_view> architectures;  // the classes that hold this encoder
  SizeKey hidden, layers, heads, intermediate, vocabulary, max_positions, type_vocabulary;
  std::string_view norm_epsilon;
  std::string_view other_norm_epsilon = {};
  float absent_norm_epsilon;
  std::string_view activation;
  std::string_view absent_activation;
  std::vector<ActivationName> activations;
  PositionKind position_kind = PositionKind::Learned;
  bool linear_biases = true;  // of all linear layers
  std::vector<FixedKey> fixed;
  std::vector<std::string_view> prefixes;  // of task heads, before every name; tried in this order
  WeightTemplates weights;
  // Names in another class of the same encoder, which its exports have; without qkv: there is none.
  // The word embedding is named alike.
  WeightTemplates other_weights = {};
};

// Null when there is no such row.
const Family* find_family(std::string_view name);

// The row for a config.json. Unsupported, naming model_type or architectures and what is supported.
Result<const Family*> family_of(const ConfigFile& config);

// Sizes and kinds, checked against each other and for sanity.
Result<Architecture> read_architecture(const Family& family, const ConfigFile& config);

// What config.json says of an encoder of no family of ours, which only ONNX Runtime can run: family
// is empty, and sizes that are not found are 0.
Result<Architecture> read_foreign_architecture(const ConfigFile& config);

// True when the first of its architectures ends in ForCausalLM and "is_causal" is not false: such a
// model's last token has seen the whole text, so it is what sentence-transformers pools by default.
Result<bool> is_causal_language_model(const ConfigFile& config);

}  // namespace neso
