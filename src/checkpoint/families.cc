// SPDX-License-Identifier: Apache-2.0
// The table of families, and reading config.json by a row of it.
#include "checkpoint/families.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "base/error.h"
#include "checkpoint/in_quotes.h"

namespace neso {

namespace {

const std::vector<Family>& families() {
  static const std::vector<Family> rows = {
      {
          // MiniLM, BGE, E5, GTE v1, mxbai-embed, arctic-embed v1: all of them BERT.
          .name = "bert",
          .architectures = {"BertModel", "BertForPreTraining", "BertForMaskedLM",
                            "BertForSequenceClassification", "BertForTokenClassification",
                            "BertForNextSentencePrediction", "BertForQuestionAnswering",
                            "BertForMultipleChoice", "BertLMHeadModel"},
          .hidden = {"hidden_size", 768},
          .layers = {"num_hidden_layers", 12},
          .heads = {"num_attention_heads", 12},
          .intermediate = {"intermediate_size", 3072},
          .vocabulary = {"vocab_size", 30522},
          .max_positions = {"max_position_embeddings", 512},
          .type_vocabulary = {"type_vocab_size", 2},
          .norm_epsilon = "layer_norm_eps",
          .absent_norm_epsilon = 1e-12F,
          .activation = "hidden_act",
          .absent_activation = "gelu",
          .fixed = {{"position_embedding_type", std::string_view("absolute")},
                    {"is_decoder", false},
                    {"add_cross_attention", false}},
          .prefixes = {"", "bert.", "model."},
          .weights = {.word = "embeddings.word_embeddings.weight",
                      .position = "embeddings.position_embeddings.weight",
                      .type = "embeddings.token_type_embeddings.weight",
                      .embedding_norm = "embeddings.LayerNorm",
                      .query = "encoder.layer.{}.attention.self.query",
                      .key = "encoder.layer.{}.attention.self.key",
                      .value = "encoder.layer.{}.attention.self.value",
                      .attention_output = "encoder.layer.{}.attention.output.dense",
                      .attention_norm = "encoder.layer.{}.attention.output.LayerNorm",
                      .up = "encoder.layer.{}.intermediate.dense",
                      .down = "encoder.layer.{}.output.dense",
                      .output_norm = "encoder.layer.{}.output.LayerNorm"},
      },
  };
  return rows;
}

std::string supported_families() {
  std::vector<std::string_view> names;
  for (const Family& family : families()) names.push_back(family.name);
  return list_in_quotes(names);
}

struct NamedActivation {
  std::string_view name;  // a key of transformers' ACT2FN
  Activation activation;
};
constexpr NamedActivation kActivations[] = {
    {"gelu", Activation::GeluErf},      {"gelu_python", Activation::GeluErf},
    {"gelu_new", Activation::GeluTanh}, {"gelu_pytorch_tanh", Activation::GeluTanh},
    {"relu", Activation::Relu},         {"silu", Activation::Silu},
    {"swish", Activation::Silu},
};

Result<Activation> read_activation(const Family& family, const ConfigFile& config) {
  NESO_TRY(const std::optional<std::string> found, config.text(family.activation));
  const std::string name = found.value_or(std::string(family.absent_activation));
  std::vector<std::string_view> names;
  for (const NamedActivation& row : kActivations) {
    if (row.name == name) return row.activation;
    names.push_back(row.name);
  }
  return config.about(family.activation, unsupported("is {}; supported are {}", in_quotes(name),
                                                     list_in_quotes(names)));
}

Result<float> read_norm_epsilon(const Family& family, const ConfigFile& config) {
  NESO_TRY(const std::optional<double> found, config.number(family.norm_epsilon));
  if (!found) return family.absent_norm_epsilon;
  if (!(*found > 0.0 && *found < 1.0)) {
    return config.about(family.norm_epsilon,
                        invalid_argument("is {}; it must be above 0 and below 1", *found));
  }
  return static_cast<float>(*found);
}

Result<> check_fixed(const FixedKey& fixed, const ConfigFile& config) {
  if (const auto* text = std::get_if<std::string_view>(&fixed.value)) {
    NESO_TRY(const std::optional<std::string> found, config.text(fixed.key));
    if (!found || *found == *text) return {};
    return config.about(
        fixed.key, unsupported("is {}; only {} is supported", in_quotes(*found), in_quotes(*text)));
  }
  const bool wanted = std::get<bool>(fixed.value);
  NESO_TRY(const std::optional<bool> found, config.boolean(fixed.key));
  if (!found || *found == wanted) return {};
  return config.about(fixed.key, unsupported("is {}; only {} is supported", *found, wanted));
}

// The first of `architectures`; empty when config.json has none.
Result<std::string> first_architecture(const ConfigFile& config) {
  const JsonValue* list = config.find("architectures");
  if (list == nullptr) return std::string();
  if (!list->is_array())
    return config.about("architectures", invalid_argument("must be a list of names"));
  if (list->array().empty()) return std::string();
  const std::optional<std::string_view> name = list->array().front().as_string();
  if (!name) return config.about("architectures", invalid_argument("must be a list of names"));
  return std::string(*name);
}

struct SizeField {
  SizeKey key;
  size_t Architecture::* member;
  size_t limit;  // far above any real model; below it no product of two sizes overflows
};

}  // namespace

const Family* find_family(std::string_view name) {
  const auto row = std::ranges::find(families(), name, &Family::name);
  return row == families().end() ? nullptr : &*row;
}

Result<const Family*> family_of(const ConfigFile& config) {
  NESO_TRY(const std::optional<std::string> model_type, config.text("model_type"));
  NESO_TRY(const std::string architecture, first_architecture(config));
  if (!model_type && architecture.empty()) {
    return config.about("model_type", invalid_argument("is missing, and so is \"architectures\""));
  }
  const auto row = std::ranges::find_if(families(), [&](const Family& family) {
    return model_type ? family.name == *model_type
                      : std::ranges::count(family.architectures, architecture) > 0;
  });
  if (row == families().end()) {
    const std::string_view key = model_type ? "model_type" : "architectures";
    return config.about(
        key, unsupported("is {}; supported model types are {}",
                         in_quotes(model_type.value_or(architecture)), supported_families()));
  }
  // Other people's classes call themselves "bert" too, jina's with ALiBi for one.
  if (!architecture.empty() && std::ranges::count(row->architectures, architecture) == 0) {
    return config.about("architectures",
                        unsupported("names {}; supported are {}", in_quotes(architecture),
                                    list_in_quotes(row->architectures)));
  }
  return &*row;
}

Result<Architecture> read_architecture(const Family& family, const ConfigFile& config) {
  for (const FixedKey& fixed : family.fixed) NESO_TRY_VOID(check_fixed(fixed, config));

  Architecture result;
  result.family = family.name;
  constexpr size_t kMaxWidth = size_t{1} << 17U;
  constexpr size_t kMaxRows = size_t{1} << 27U;
  const SizeField fields[] = {
      {family.hidden, &Architecture::hidden, kMaxWidth},
      {family.layers, &Architecture::layers, 1000},
      {family.heads, &Architecture::heads, kMaxWidth},
      {family.intermediate, &Architecture::intermediate, kMaxWidth * 8},
      {family.vocabulary, &Architecture::vocabulary, kMaxRows},
      {family.max_positions, &Architecture::max_positions, kMaxRows},
      {family.type_vocabulary, &Architecture::type_vocabulary, 1000},
  };
  for (const SizeField& field : fields) {
    NESO_TRY(const std::optional<size_t> found, config.size(field.key.key));
    const size_t size = found.value_or(field.key.absent);
    if (size == 0 || size > field.limit) {
      return config.about(field.key.key,
                          invalid_argument("is {}; it must be from 1 to {}", size, field.limit));
    }
    result.*field.member = size;
  }
  if (result.hidden % result.heads != 0) {
    return config.about(family.hidden.key,
                        invalid_argument("is {}, which \"{}\" {} does not divide", result.hidden,
                                         family.heads.key, result.heads));
  }
  NESO_TRY(result.norm_epsilon, read_norm_epsilon(family, config));
  NESO_TRY(result.activation, read_activation(family, config));
  return result;
}

Result<Architecture> read_foreign_architecture(const ConfigFile& config) {
  const auto first_of = [&config](std::initializer_list<std::string_view> keys) -> Result<size_t> {
    for (const std::string_view key : keys) {
      NESO_TRY(const std::optional<size_t> found, config.size(key));
      if (found) return *found;
    }
    return size_t{0};
  };
  Architecture result;
  NESO_TRY(result.hidden, first_of({"hidden_size", "n_embd", "dim", "d_model"}));
  NESO_TRY(result.vocabulary, first_of({"vocab_size"}));
  NESO_TRY(result.max_positions, first_of({"max_position_embeddings", "n_positions"}));
  NESO_TRY(result.type_vocabulary, first_of({"type_vocab_size"}));

  // These number their tokens from pad_token_id + 1 on, so that the table's first rows are never
  // used.
  constexpr std::string_view kOffsetPositions[] = {"roberta", "xlm-roberta", "xlm-roberta-xl",
                                                   "camembert", "mpnet"};
  NESO_TRY(const std::optional<std::string> model_type, config.text("model_type"));
  if (model_type && std::ranges::count(kOffsetPositions, *model_type) > 0) {
    NESO_TRY(const std::optional<size_t> padding, config.size("pad_token_id"));
    result.max_positions -= std::min(result.max_positions, padding.value_or(1) + 1);
  }
  return result;
}

Result<bool> is_causal_language_model(const ConfigFile& config) {
  NESO_TRY(const std::string architecture, first_architecture(config));
  NESO_TRY(const std::optional<bool> is_causal, config.boolean("is_causal"));
  return architecture.ends_with("ForCausalLM") && is_causal.value_or(true);
}

}  // namespace neso
