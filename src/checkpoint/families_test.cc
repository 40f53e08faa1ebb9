// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/families.h"

#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/test_folder.h"

namespace neso {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using Changes = std::vector<std::pair<std::string, std::string>>;

Result<Architecture> read(const std::string& config_json) {
  const TemporaryFolder folder;
  folder.write("config.json", config_json);
  NESO_TRY(const ConfigFile config, ConfigFile::open(folder.path() / "config.json"));
  NESO_TRY(const Family* family, family_of(config));
  return read_architecture(*family, config);
}

Error refusal(const Changes& changes) {
  const auto architecture = read(small_bert_config(changes));
  return architecture ? Error{ErrorCode::Internal, "it was taken"} : architecture.error();
}

TEST(Families, ReadsABertConfig) {
  const auto bert =
      read(small_bert_config({{"layer_norm_eps", "1e-5"}, {"hidden_act", R"("gelu_new")"}}));
  ASSERT_TRUE(bert) << bert.error().message;
  EXPECT_EQ(bert->family, "bert");
  EXPECT_EQ(bert->hidden, 4U);
  EXPECT_EQ(bert->layers, 2U);
  EXPECT_EQ(bert->heads, 2U);
  EXPECT_EQ(bert->head_size(), 2U);
  EXPECT_EQ(bert->intermediate, 6U);
  EXPECT_EQ(bert->vocabulary, 10U);
  EXPECT_EQ(bert->max_positions, 8U);
  EXPECT_EQ(bert->type_vocabulary, 2U);
  EXPECT_EQ(bert->norm_epsilon, 1e-5F);
  EXPECT_EQ(bert->activation, Activation::GeluTanh);
}

// The keys of nomic-embed-text-v1.5's config.json that count.
TEST(Families, ReadsANomicBertConfig) {
  const auto nomic = read(R"({"model_type": "nomic_bert", "architectures": ["NomicBertModel"],
      "n_embd": 768, "n_head": 12, "n_layer": 12, "n_inner": 3072, "n_positions": 8192,
      "vocab_size": 30528, "type_vocab_size": 2, "layer_norm_epsilon": 1e-12,
      "activation_function": "swiglu", "max_trained_positions": 2048, "prenorm": false,
      "qkv_proj_bias": false, "mlp_fc1_bias": false, "mlp_fc2_bias": false, "causal": false,
      "rotary_emb_base": 1000, "rotary_emb_fraction": 1.0, "rotary_emb_interleaved": false,
      "rotary_emb_scale_base": null, "rotary_scaling_factor": null, "use_rms_norm": false,
      "max_position_embeddings": 2048})");
  ASSERT_TRUE(nomic) << nomic.error().message;
  EXPECT_EQ(nomic->family, "nomic_bert");
  EXPECT_EQ(nomic->hidden, 768U);
  EXPECT_EQ(nomic->layers, 12U);
  EXPECT_EQ(nomic->intermediate, 3072U);
  EXPECT_EQ(nomic->max_positions, 8192U);
  EXPECT_EQ(nomic->activation, Activation::Silu);
  EXPECT_TRUE(nomic->gated);
  EXPECT_EQ(nomic->position_kind, PositionKind::Rotary);
  EXPECT_EQ(nomic->rotary.base, 1000.0F);
  EXPECT_EQ(nomic->rotary.scaling_factor, 0.0F);
  EXPECT_EQ(nomic->rotary.trained_positions, 2048U);
}

TEST(Families, TakesTransformersKeysOfANomicBertWhenItsOwnAreAbsent) {
  const auto nomic = read(R"({"model_type": "nomic_bert", "hidden_size": 64, "num_hidden_layers": 2,
      "num_attention_heads": 2, "intermediate_size": 96, "max_position_embeddings": 512,
      "layer_norm_eps": 1e-5, "rotary_scaling_factor": 2})");
  ASSERT_TRUE(nomic) << nomic.error().message;
  EXPECT_EQ(nomic->hidden, 64U);
  EXPECT_EQ(nomic->layers, 2U);
  EXPECT_EQ(nomic->max_positions, 512U);
  EXPECT_EQ(nomic->norm_epsilon, 1e-5F);
  EXPECT_EQ(nomic->rotary.scaling_factor, 2.0F);
}

TEST(Families, RefusesWhatOurNomicBertLacks) {
  const std::pair<const char*, const char*> refusals[] = {
      {R"("activation_function": "gelu")", "swiglu"},
      {R"("prenorm": true)", "prenorm"},
      {R"("qkv_proj_bias": true)", "qkv_proj_bias"},
      {R"("rotary_emb_fraction": 0.5)", "rotary_emb_fraction"},
      {R"("rotary_emb_base": -1)", "rotary_emb_base"},
      {R"("n_embd": 36, "n_head": 4)", "even number"},
  };
  for (const auto& [member, expected] : refusals) {
    const auto nomic = read(std::string(R"({"model_type": "nomic_bert", )") + member + "}");
    ASSERT_FALSE(nomic) << member;
    EXPECT_THAT(nomic.error().message, HasSubstr(expected));
  }
}

TEST(Families, FillsAbsentKeysAsTransformersDoes) {
  const auto bert = read(R"({"model_type":"bert"})");
  ASSERT_TRUE(bert) << bert.error().message;
  EXPECT_EQ(bert->hidden, 768U);
  EXPECT_EQ(bert->layers, 12U);
  EXPECT_EQ(bert->heads, 12U);
  EXPECT_EQ(bert->intermediate, 3072U);
  EXPECT_EQ(bert->vocabulary, 30522U);
  EXPECT_EQ(bert->max_positions, 512U);
  EXPECT_EQ(bert->type_vocabulary, 2U);
  EXPECT_EQ(bert->norm_epsilon, 1e-12F);
  EXPECT_EQ(bert->activation, Activation::GeluErf);
}

TEST(Families, TakesTheArchitectureWhenModelTypeIsAbsent) {
  EXPECT_TRUE(read(R"({"architectures":["BertForMaskedLM"]})"));
  EXPECT_TRUE(read(small_bert_config({{"architectures", R"(["BertForSequenceClassification"])"}})));
  EXPECT_TRUE(read(small_bert_config({{"architectures", "null"}})));
}

TEST(Families, MapsActivations) {
  const std::vector<std::pair<std::string, Activation>> rows = {
      {"gelu", Activation::GeluErf},
      {"gelu_new", Activation::GeluTanh},
      {"gelu_pytorch_tanh", Activation::GeluTanh},
      {"relu", Activation::Relu},
      {"silu", Activation::Silu},
      {"swish", Activation::Silu}};
  for (const auto& [name, activation] : rows) {
    const auto bert = read(small_bert_config({{"hidden_act", "\"" + name + "\""}}));
    ASSERT_TRUE(bert) << name;
    EXPECT_EQ(bert->activation, activation) << name;
  }
  const Error unknown = refusal({{"hidden_act", R"("mish")"}});
  EXPECT_EQ(unknown.code, ErrorCode::Unsupported);
  EXPECT_THAT(unknown.message, AllOf(HasSubstr("config.json: \"hidden_act\" is \"mish\""),
                                     HasSubstr("\"gelu_new\"")));
}

TEST(Families, RefusesOtherModelsByName) {
  const Error type = refusal({{"model_type", R"("xlm-roberta")"}});
  EXPECT_EQ(type.code, ErrorCode::Unsupported);
  EXPECT_THAT(type.message,
              AllOf(HasSubstr("\"model_type\" is \"xlm-roberta\""), HasSubstr("\"bert\"")));
  // Calls itself bert, but has no position table.
  const Error jina = refusal({{"architectures", R"(["JinaBertForMaskedLM"])"}});
  EXPECT_EQ(jina.code, ErrorCode::Unsupported);
  EXPECT_THAT(jina.message, AllOf(HasSubstr("\"architectures\" names \"JinaBertForMaskedLM\""),
                                  HasSubstr("BertModel")));
  EXPECT_THAT(refusal({{"model_type", ""}, {"architectures", ""}}).message,
              HasSubstr("\"model_type\" is missing"));
  EXPECT_THAT(refusal({{"model_type", ""}, {"architectures", R"(["GPT2Model"])"}}).message,
              HasSubstr("\"architectures\" is \"GPT2Model\""));
  EXPECT_THAT(refusal({{"architectures", "7"}}).message, HasSubstr("must be a list of names"));
}

TEST(Families, RefusesWhatChangesTheComputation) {
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"position_embedding_type", R"("relative_key")"},
      {"is_decoder", "true"},
      {"add_cross_attention", "true"}};
  for (const auto& [key, value] : rows) {
    const Error error = refusal({{key, value}});
    EXPECT_EQ(error.code, ErrorCode::Unsupported) << key;
    EXPECT_THAT(error.message, HasSubstr("\"" + key + "\" is ")) << key;
  }
  EXPECT_TRUE(read(
      small_bert_config({{"position_embedding_type", R"("absolute")"}, {"is_decoder", "false"}})));
}

TEST(Families, RefusesSizesThatMakeNoSenseByKey) {
  const Changes rows = {
      {"hidden_size", "0"},
      {"hidden_size", "-4"},
      {"hidden_size", "4.5"},
      {"hidden_size", R"("4")"},
      {"hidden_size", "5"},  // 2 heads do not divide it
      {"hidden_size", "1000000"},
      {"num_hidden_layers", "0"},
      {"num_hidden_layers", "1000000"},
      {"num_attention_heads", "0"},
      {"num_attention_heads", "3"},
      {"intermediate_size", "0"},
      {"vocab_size", "0"},
      {"vocab_size", "9223372036854775807"},
      {"vocab_size", "18446744073709551615"},
      {"max_position_embeddings", "0"},
      {"type_vocab_size", "0"},
      {"layer_norm_eps", "0"},
      {"layer_norm_eps", "-1e-5"},
      {"layer_norm_eps", "1"},
  };
  for (const auto& [key, value] : rows) {
    const Error error = refusal({{key, value}});
    EXPECT_EQ(error.code, ErrorCode::InvalidArgument) << key << " " << value;
    EXPECT_THAT(error.message, HasSubstr("\"" + key + "\"")) << value;
  }
}

TEST(Families, RefusesAKeyThatIsThereTwice) {
  EXPECT_THAT(read(R"({"model_type":"bert","hidden_size":384,"hidden_size":768})").error().message,
              HasSubstr("\"hidden_size\" is there twice"));
}

TEST(Families, ReadsForeignSizesUnderTheirUsualNames) {
  const TemporaryFolder folder;
  folder.write("config.json",
               R"({"model_type":"nomic_bert","n_embd":768,"n_positions":8192,"vocab_size":30528})");
  const auto nomic = read_foreign_architecture(*ConfigFile::open(folder.path() / "config.json"));
  ASSERT_TRUE(nomic);
  EXPECT_EQ(nomic->family, "");
  EXPECT_EQ(nomic->hidden, 768U);
  EXPECT_EQ(nomic->max_positions, 8192U);
  EXPECT_EQ(nomic->vocabulary, 30528U);
  EXPECT_EQ(nomic->type_vocabulary, 0U);
}

TEST(Families, LeavesOutThePositionsThatRobertaNeverUses) {
  const TemporaryFolder folder;
  folder.write("config.json",
               R"({"model_type":"xlm-roberta","max_position_embeddings":514,"pad_token_id":1})");
  EXPECT_EQ(
      read_foreign_architecture(*ConfigFile::open(folder.path() / "config.json"))->max_positions,
      512U);
}

}  // namespace
}  // namespace neso
