// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/encoder_weights.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/test_folder.h"

namespace neso {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at))
    text.replace(at, from.size(), to);
}

// The names in a small BERT folder whose tensors are these.
Result<EncoderWeightNames> names_with(const std::vector<TestTensor>& tensors) {
  const SmallBertFolder folder;
  folder.write("model.safetensors", safetensors_bytes(tensors));
  NESO_TRY(const Checkpoint checkpoint, open_checkpoint(folder.path()));
  return encoder_weight_names(checkpoint);
}

TEST(EncoderWeights, NamesEveryRole) {
  const auto names = names_with(small_bert_tensors());
  ASSERT_TRUE(names) << names.error().message;
  EXPECT_EQ(names->word, "embeddings.word_embeddings.weight");
  EXPECT_EQ(names->position, "embeddings.position_embeddings.weight");
  EXPECT_EQ(names->type, "embeddings.token_type_embeddings.weight");
  EXPECT_EQ(names->embedding_norm.weight, "embeddings.LayerNorm.weight");
  EXPECT_EQ(names->embedding_norm.bias, "embeddings.LayerNorm.bias");
  ASSERT_EQ(names->layers.size(), 2U);
  const EncoderLayerWeightNames& layer = names->layers[1];
  EXPECT_EQ(layer.qkv[0].weight, "encoder.layer.1.attention.self.query.weight");
  EXPECT_EQ(layer.qkv[0].bias, "encoder.layer.1.attention.self.query.bias");
  EXPECT_EQ(layer.qkv[1].weight, "encoder.layer.1.attention.self.key.weight");
  EXPECT_EQ(layer.qkv[2].weight, "encoder.layer.1.attention.self.value.weight");
  EXPECT_EQ(layer.attention_output.weight, "encoder.layer.1.attention.output.dense.weight");
  EXPECT_EQ(layer.attention_norm.bias, "encoder.layer.1.attention.output.LayerNorm.bias");
  EXPECT_EQ(layer.up.weight, "encoder.layer.1.intermediate.dense.weight");
  EXPECT_EQ(layer.down.weight, "encoder.layer.1.output.dense.weight");
  EXPECT_EQ(layer.output_norm.weight, "encoder.layer.1.output.LayerNorm.weight");
}

// Names that an export by transformers 5 has.
TEST(EncoderWeights, KnowsTheOtherClassOfNomicBert) {
  const TemporaryFolder folder;
  folder.write("config.json", R"({"model_type":"nomic_bert","n_embd":4,"n_layer":1,"n_head":2,)"
                              R"("n_inner":6,"vocab_size":10,"n_positions":8})");
  std::vector<TestTensor> tensors = {{"embeddings.word_embeddings.weight", {10, 4}},
                                     {"embeddings.token_type_embeddings.weight", {2, 4}}};
  for (const std::string norm : {"embeddings.LayerNorm", "layers.0.post_attention_layernorm",
                                 "layers.0.post_mlp_layernorm"}) {
    tensors.push_back({norm + ".weight", {4}});
    tensors.push_back({norm + ".bias", {4}});
  }
  for (const std::string part : {"q", "k", "v", "o"})
    tensors.push_back({"layers.0.self_attn." + part + "_proj.weight", {4, 4}});
  for (const std::string part : {"up", "gate"})
    tensors.push_back({"layers.0.mlp." + part + "_proj.weight", {6, 4}});
  tensors.push_back({"layers.0.mlp.down_proj.weight", {4, 6}});
  folder.write("model.safetensors", safetensors_bytes(tensors));
  const auto checkpoint = open_checkpoint(folder.path());
  ASSERT_TRUE(checkpoint) << checkpoint.error().message;
  const auto names = encoder_weight_names(*checkpoint);
  ASSERT_TRUE(names) << names.error().message;
  const EncoderLayerWeightNames& layer = names->layers.at(0);
  ASSERT_EQ(layer.qkv.size(), 3U);
  EXPECT_EQ(layer.qkv[1].weight, "layers.0.self_attn.k_proj.weight");
  EXPECT_EQ(layer.qkv[1].bias, "");
  EXPECT_EQ(layer.gate.weight, "layers.0.mlp.gate_proj.weight");
  EXPECT_EQ(names->embedding_norm.weight, "embeddings.LayerNorm.weight");
}

TEST(EncoderWeights, FindsThePrefixOfATaskHead) {
  for (const std::string prefix : {"bert.", "model."}) {
    std::vector<TestTensor> tensors = small_bert_tensors(prefix);
    tensors.push_back({"classifier.weight", {1, 4}});  // extra tensors are fine
    const auto names = names_with(tensors);
    ASSERT_TRUE(names) << names.error().message;
    EXPECT_EQ(names->word, prefix + "embeddings.word_embeddings.weight");
    EXPECT_EQ(names->layers[0].down.bias, prefix + "encoder.layer.0.output.dense.bias");
  }
}

TEST(EncoderWeights, FindsGammaAndBeta) {
  std::vector<TestTensor> tensors = small_bert_tensors();
  for (TestTensor& tensor : tensors) {
    replace_all(tensor.name, "LayerNorm.weight", "LayerNorm.gamma");
    replace_all(tensor.name, "LayerNorm.bias", "LayerNorm.beta");
  }
  const auto names = names_with(tensors);
  ASSERT_TRUE(names) << names.error().message;
  EXPECT_EQ(names->embedding_norm.weight, "embeddings.LayerNorm.gamma");
  EXPECT_EQ(names->layers[1].output_norm.bias, "encoder.layer.1.output.LayerNorm.beta");
}

TEST(EncoderWeights, RefusesEachMissingTensorByName) {
  const std::vector<TestTensor> all = small_bert_tensors();
  for (size_t i = 0; i < all.size(); ++i) {
    std::vector<TestTensor> tensors = all;
    tensors.erase(tensors.begin() + static_cast<std::ptrdiff_t>(i));
    const auto names = names_with(tensors);
    ASSERT_FALSE(names) << all[i].name;
    EXPECT_THAT(names.error().message,
                AllOf(HasSubstr("no tensor"), HasSubstr("\"" + all[i].name + "\"")));
  }
}

TEST(EncoderWeights, RefusesEachWrongShapeByName) {
  const std::vector<TestTensor> all = small_bert_tensors();
  for (size_t i = 0; i < all.size(); ++i) {
    std::vector<TestTensor> tensors = all;
    ++tensors[i].shape[0];
    const auto names = names_with(tensors);
    ASSERT_FALSE(names) << all[i].name;
    EXPECT_EQ(names.error().code, ErrorCode::InvalidArgument);
    EXPECT_THAT(names.error().message, HasSubstr("tensor \"" + all[i].name + "\" is ["))
        << all[i].name;
  }
}

TEST(EncoderWeights, RefusesAVocabularyThatIsNotTheEmbeddingsRows) {
  std::vector<TestTensor> tensors = small_bert_tensors();
  tensors[0].shape = {12, 4};
  EXPECT_THAT(names_with(tensors).error().message,
              HasSubstr("is [12,4], but config.json makes it [10,4] (vocab_size, hidden_size)"));
}

TEST(EncoderWeights, RefusesTypesThatAreNoFloats) {
  std::vector<TestTensor> tensors = small_bert_tensors();
  tensors[0].dtype = "F8_E4M3";
  tensors[0].element_bytes = 1;
  const auto names = names_with(tensors);
  ASSERT_FALSE(names);
  EXPECT_EQ(names.error().code, ErrorCode::Unsupported);
  EXPECT_THAT(names.error().message, HasSubstr("is stored as F8_E4M3"));
}

TEST(EncoderWeights, SaysWhyACheckpointHasNone) {
  Checkpoint checkpoint;
  checkpoint.folder = "/models/x";
  checkpoint.no_weights_reason = "because of this";
  const auto names = encoder_weight_names(checkpoint);
  ASSERT_FALSE(names);
  EXPECT_EQ(names.error().code, ErrorCode::Unsupported);
  EXPECT_THAT(names.error().message, AllOf(HasSubstr("/models/x"), HasSubstr("because of this")));
}

}  // namespace
}  // namespace neso
