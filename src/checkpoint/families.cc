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

// Keys of transformers' ACT2FN.
const std::vector<ActivationName> kActivations = {
    {"gelu", Activation::GeluErf},      {"gelu_python", Activation::GeluErf},
    {"gelu_new", Activation::GeluTanh}, {"gelu_pytorch_tanh", Activation::GeluTanh},
    {"relu", Activation::Relu},         {"silu", Activation::Silu},
    {"swish", Activation::Silu},
};

Family bert() {
  return {
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
      .activations = kActivations,
      .fixed = {{"position_embedding_type", std::string_view("absolute")},
                {"is_decoder", false},
                {"add_cross_attention", false}},
      .prefixes = {"", "bert.", "model.", "auto_model.", "0.auto_model."},
      .weights = {.word = "embeddings.word_embeddings.weight",
                  .position = "embeddings.position_embeddings.weight",
                  .type = "embeddings.token_type_embeddings.weight",
                  .embedding_norm = "embeddings.LayerNorm",
                  .qkv = {"encoder.layer.{}.attention.self.query",
                          "encoder.layer.{}.attention.self.key",
                          "encoder.layer.{}.attention.self.value"},
                  .attention_output = "encoder.layer.{}.attention.output.dense",
                  .attention_norm = "encoder.layer.{}.attention.output.LayerNorm",
                  .up = "encoder.layer.{}.intermediate.dense",
                  .gate = {},
                  .down = "encoder.layer.{}.output.dense",
                  .output_norm = "encoder.layer.{}.output.LayerNorm"},
  };
}

Family nomic_bert() {
  return {
      // nomic-embed-text v1 and v1.5. Its own keys come from GPT-2; transformers 5 adds BERT's
      // beside them, with the trained length as max_position_embeddings.
      .name = "nomic_bert",
      .architectures = {"NomicBertModel", "NomicBertForPreTraining"},
      .hidden = {"n_embd", 768, "hidden_size"},
      .layers = {"n_layer", 12, "num_hidden_layers"},
      .heads = {"n_head", 12, "num_attention_heads"},
      .intermediate = {"n_inner", 3072, "intermediate_size"},
      .vocabulary = {"vocab_size", 30528},
      .max_positions = {"n_positions", 2048, "max_position_embeddings"},
      .type_vocabulary = {"type_vocab_size", 2},
      .norm_epsilon = "layer_norm_epsilon",
      .other_norm_epsilon = "layer_norm_eps",
      .absent_norm_epsilon = 1e-12F,
      .activation = "activation_function",
      .absent_activation = "swiglu",
      .activations = {{"swiglu", Activation::Silu, true}, {"geglu", Activation::GeluErf, true}},
      .position_kind = PositionKind::Rotary,
      .linear_biases = false,
      .fixed = {{"prenorm", false},
                {"qkv_proj_bias", false},
                {"mlp_fc1_bias", false},
                {"mlp_fc2_bias", false},
                {"rotary_emb_interleaved", false},
                {"causal", false},
                {"use_rms_norm", false}},
      .prefixes = {"", "bert.", "nomic_bert.", "auto_model.", "0.auto_model."},
      .weights = {.word = "embeddings.word_embeddings.weight",
                  .position = {},
                  .type = "embeddings.token_type_embeddings.weight",
                  .embedding_norm = "emb_ln",
                  .qkv = {"encoder.layers.{}.attn.Wqkv"},
                  .attention_output = "encoder.layers.{}.attn.out_proj",
                  .attention_norm = "encoder.layers.{}.norm1",
                  .up = "encoder.layers.{}.mlp.fc11",
                  .gate = "encoder.layers.{}.mlp.fc12",
                  .down = "encoder.layers.{}.mlp.fc2",
                  .output_norm = "encoder.layers.{}.norm2"},
      // transformers 5 renames on loading, and back on saving.
      .other_weights = {.word = "embeddings.word_embeddings.weight",
                        .position = {},
                        .type = "embeddings.token_type_embeddings.weight",
                        .embedding_norm = "embeddings.LayerNorm",
                        .qkv = {"layers.{}.self_attn.q_proj", "layers.{}.self_attn.k_proj",
                                "layers.{}.self_attn.v_proj"},
                        .attention_output = "layers.{}.self_attn.o_proj",
                        .attention_norm = "layers.{}.post_attention_layernorm",
                        .up = "layers.{}.mlp.up_proj",
                        .gate = "layers.{}.mlp.gate_proj",
                        .down = "layers.{}.mlp.down_proj",
                        .output_norm = "layers.{}.post_mlp_layernorm"},
  };
}

const std::vector<Family>& families() {
  static const std::vector<Family> rows = {bert(), nomic_bert()};
  return rows;
}

std::string supported_families() {
  std::vector<std::string_view> names;
  for (const Family& family : families()) names.push_back(family.name);
  return list_in_quotes(names);
}

Result<ActivationName> read_activation(const Family& family, const ConfigFile& config) {
  NESO_TRY(const std::optional<std::string> found, config.text(family.activation));
  const std::string name = found.value_or(std::string(family.absent_activation));
  std::vector<std::string_view> names;
  for (const ActivationName& row : family.activations) {
    if (row.name == name) return row;
    names.push_back(row.name);
  }
  return config.about(family.activation, unsupported("is {}; supported are {}", in_quotes(name),
                                                     list_in_quotes(names)));
}

Result<float> read_norm_epsilon(const Family& family, const ConfigFile& config) {
  NESO_TRY(std::optional<double> found, config.number(family.norm_epsilon));
  if (!found && !family.other_norm_epsilon.empty()) {
    NESO_TRY(found, config.number(family.other_norm_epsilon));
  }
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

Result<double> positive_number(const ConfigFile& config, std::string_view key, double absent) {
  NESO_TRY(const std::optional<double> found, config.number(key));
  if (found && !(*found > 0.0 && *found < 1e12))
    return config.about(key, invalid_argument("is {}; it must be above 0 and below 1e12", *found));
  return found.value_or(absent);
}

// nomic-bert's keys. The whole head is rotated.
Result<RotaryPositions> read_rotary(const Architecture& architecture, const ConfigFile& config) {
  if (architecture.head_size() % 2 != 0) {
    return config.about("n_head", unsupported("makes heads of {} columns; rotary positions need an "
                                              "even number",
                                              architecture.head_size()));
  }
  NESO_TRY(const double fraction, positive_number(config, "rotary_emb_fraction", 1.0));
  if (fraction != 1.0)
    return config.about("rotary_emb_fraction", unsupported("is {}; only 1 is supported", fraction));
  RotaryPositions rotary;
  NESO_TRY(const double base, positive_number(config, "rotary_emb_base", 1000.0));
  rotary.base = static_cast<float>(base);
  NESO_TRY(const double factor, positive_number(config, "rotary_scaling_factor", 0.0));
  rotary.scaling_factor = static_cast<float>(factor);
  NESO_TRY(const std::optional<size_t> trained, config.size("max_trained_positions"));
  rotary.trained_positions = std::max<size_t>(1, trained.value_or(2048));
  return rotary;
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
    NESO_TRY(std::optional<size_t> found, config.size(field.key.key));
    if (!found && !field.key.other_key.empty()) {
      NESO_TRY(found, config.size(field.key.other_key));
    }
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
  NESO_TRY(const ActivationName activation, read_activation(family, config));
  result.activation = activation.activation;
  result.gated = activation.gated;
  result.position_kind = family.position_kind;
  if (family.position_kind == PositionKind::Rotary) {
    NESO_TRY(result.rotary, read_rotary(result, config));
  }
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
