// SPDX-License-Identifier: Apache-2.0
// Whole folders: how the files of a model folder work together.
#include "checkpoint/checkpoint.h"

#include <numeric>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/encoder_weights.h"
#include "checkpoint/test_folder.h"
#include "checkpoint/test_onnx.h"

namespace neso {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

Error refusal(const TemporaryFolder& folder) {
  const auto checkpoint = open_checkpoint(folder.path());
  return checkpoint ? Error{ErrorCode::Internal, "it was taken"} : checkpoint.error();
}

// A folder whose modules are Transformer and Pooling, with this pooling file.
void write_pooling(const TemporaryFolder& folder, const std::string& config) {
  folder.write("modules.json", R"([{"idx":0,"path":"","type":"a.Transformer"},)"
                               R"({"idx":1,"path":"1_Pooling","type":"a.Pooling"}])");
  folder.write("1_Pooling/config.json", config);
}

TEST(Checkpoint, ReadsTheRealMiniLm) {
  const auto opened = open_checkpoint(NESO_TEST_MODEL);
  ASSERT_TRUE(opened) << opened.error().message << " (./dev setup fetches this model)";
  const Checkpoint& model = *opened;
  EXPECT_EQ(model.architecture.family, "bert");
  EXPECT_EQ(model.architecture.hidden, 384U);
  EXPECT_EQ(model.architecture.layers, 6U);
  EXPECT_EQ(model.architecture.heads, 12U);
  EXPECT_EQ(model.architecture.vocabulary, 30522U);
  EXPECT_EQ(model.architecture.max_positions, 512U);
  EXPECT_EQ(model.architecture.activation, Activation::GeluErf);
  EXPECT_THAT(model.pooling.modes, ElementsAre(PoolingMode::Mean));
  EXPECT_TRUE(model.normalize);
  EXPECT_EQ(model.max_tokens, 256U);
  EXPECT_EQ(model.max_tokens_source, "sentence_bert_config.json: max_seq_length");
  EXPECT_FALSE(model.lowercase);
  EXPECT_EQ(model.pad_token_id, 0);
  EXPECT_TRUE(model.prompts.empty());
  EXPECT_EQ(model.tokenizer_json.filename(), "tokenizer.json");
  EXPECT_EQ(model.no_weights_reason, "");
  ASSERT_NE(model.weights, nullptr);
  EXPECT_EQ(model.weights->names().size(), 104U);
}

TEST(Checkpoint, ReadsTheRealMiniLmsNumbers) {
  const auto model = open_checkpoint(NESO_TEST_MODEL);
  ASSERT_TRUE(model) << model.error().message;
  const auto names = encoder_weight_names(*model);
  ASSERT_TRUE(names) << names.error().message;
  std::vector<float> bias(384);
  ASSERT_TRUE(model->weights->read_fp32(names->layers.at(5).output_norm.bias, bias));
  EXPECT_EQ(bias.front(), -0.03630739822983742F);
  EXPECT_EQ(bias.back(), 0.06612399220466614F);
  EXPECT_NEAR(std::accumulate(bias.begin(), bias.end(), 0.0), 7.2105114300965525, 1e-12);
  std::vector<float> words(size_t{30522} * 384);
  ASSERT_TRUE(model->weights->read_fp32(names->word, words));
  EXPECT_EQ(words.front(), -0x1.478p-6F);
  EXPECT_EQ(words[101 * 384 + 7], 0x1.2c2d46p-8F);
  EXPECT_EQ(words.back(), 0x1.2b80f2p-8F);
}

TEST(Checkpoint, IsNotFoundWithoutConfigJson) {
  const TemporaryFolder folder;
  EXPECT_EQ(refusal(folder).code, ErrorCode::NotFound);
  EXPECT_THAT(refusal(folder).message, HasSubstr("config.json"));
  EXPECT_EQ(open_checkpoint(folder.path() / "nowhere").error().code, ErrorCode::NotFound);
}

TEST(Checkpoint, PoolsTheMeanWithoutModulesJson) {
  const SmallBertFolder folder;
  const auto model = open_checkpoint(folder.path());
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_THAT(model->pooling.modes, ElementsAre(PoolingMode::Mean));
  EXPECT_FALSE(model->normalize);
  EXPECT_TRUE(model->tokenizer_json.empty());
  EXPECT_NE(model->weights, nullptr);
}

TEST(Checkpoint, NamesFolderAndTensorWhenWeightsDoNotFit) {
  const SmallBertFolder folder;
  folder.write("config.json", small_bert_config({{"num_hidden_layers", "3"}}));
  EXPECT_THAT(refusal(folder).message,
              AllOf(HasSubstr(folder.path().string()),
                    HasSubstr("encoder.layer.2.attention.self.query.weight")));
}

TEST(Checkpoint, WarnsOfLayersThatTheConfigDoesNotState) {
  const SmallBertFolder folder;
  EXPECT_THAT(open_checkpoint(folder.path())->warnings, IsEmpty());
  folder.write("config.json", small_bert_config({{"num_hidden_layers", "1"}}));
  const auto model = open_checkpoint(folder.path());
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_THAT(
      model->warnings,
      ElementsAre("config.json's \"num_hidden_layers\" is 1, but the weights hold 2 layers; "
                  "only the first 1 will run"));
}

TEST(Checkpoint, RefusesADescriptionThatIsNoObject) {
  for (const std::string json : {"[]", "null", "7", "\"bert\""}) {
    for (const std::string file :
         {"config.json", "sentence_bert_config.json", "config_sentence_transformers.json"}) {
      const SmallBertFolder folder;
      folder.write(file, json);
      EXPECT_EQ(refusal(folder).code, ErrorCode::InvalidArgument);
      EXPECT_THAT(refusal(folder).message, HasSubstr(file + " must hold an object")) << json;
    }
  }
}

TEST(Checkpoint, RefusesAPoolingOfAnotherWidth) {
  const SmallBertFolder folder;
  write_pooling(folder, R"({"word_embedding_dimension":8})");
  EXPECT_THAT(refusal(folder).message,
              AllOf(HasSubstr("dimension is 8"), HasSubstr("\"hidden_size\" is 4")));
}

TEST(Checkpoint, ReadsAPadTokenWithinTheVocabulary) {
  const SmallBertFolder folder;
  folder.write("config.json", small_bert_config({{"pad_token_id", "9"}}));
  EXPECT_EQ(open_checkpoint(folder.path())->pad_token_id, 9);
  folder.write("config.json", small_bert_config({{"pad_token_id", "10"}}));
  EXPECT_THAT(refusal(folder).message,
              HasSubstr("\"pad_token_id\" is 10, outside the vocabulary of 10"));
}

// Limits of tokens: the first file that states one, never more than the positions.

struct Limit {
  size_t tokens;
  std::string source;
  bool operator==(const Limit&) const = default;
};

Limit limit_of(const TemporaryFolder& folder) {
  const auto model = open_checkpoint(folder.path());
  return model ? Limit{model->max_tokens, model->max_tokens_source}
               : Limit{0, model.error().message};
}

TEST(TokenLimit, IsThePositionsWhenNothingElseIsSaid) {
  const SmallBertFolder folder;
  const Limit positions{8, "config.json: max_position_embeddings"};
  EXPECT_EQ(limit_of(folder), positions);
  folder.write("tokenizer_config.json", R"({"model_max_length":1000000000000000019884624838656})");
  EXPECT_EQ(limit_of(folder), positions);
  folder.write("sentence_bert_config.json", R"({"max_seq_length":null})");
  EXPECT_EQ(limit_of(folder), positions);
  folder.write("sentence_bert_config.json", R"({"max_seq_length":9})");
  EXPECT_EQ(limit_of(folder), positions);
}

TEST(TokenLimit, PrefersTheSentenceConfigToTheTokenizers) {
  const SmallBertFolder folder;
  folder.write("tokenizer_config.json", R"({"model_max_length":5})");
  EXPECT_EQ(limit_of(folder), (Limit{5, "tokenizer_config.json: model_max_length"}));
  folder.write("sentence_bert_config.json", R"({"max_seq_length":7})");
  EXPECT_EQ(limit_of(folder), (Limit{7, "sentence_bert_config.json: max_seq_length"}));
}

TEST(TokenLimit, WarnsWhenItIsHardlyMeant) {
  const SmallBertFolder folder;
  const auto warnings = [&](const std::string& limit) {
    folder.write("sentence_bert_config.json", R"({"max_seq_length":)" + limit + "}");
    return open_checkpoint(folder.path())->warnings;
  };
  EXPECT_THAT(warnings("2"),
              ElementsAre("sentence_bert_config.json: max_seq_length is 2, the special tokens "
                          "included: little or nothing is left of a text"));
  EXPECT_THAT(
      warnings("1e9"),
      ElementsAre("sentence_bert_config.json: max_seq_length is 1000000000, but "
                  "config.json's \"max_position_embeddings\" is 8: texts are cut to 8 tokens"));
  EXPECT_THAT(warnings("8"), IsEmpty());
  EXPECT_THAT(warnings("1e30"), IsEmpty()) << "the tokenizers' word for no limit";
}

TEST(TokenLimit, KnowsTheOldNamesOfTheSentenceConfig) {
  for (const std::string kind :
       {"roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet"}) {
    const SmallBertFolder folder;
    const std::string name = "sentence_" + kind + "_config.json";
    folder.write(name, R"({"max_seq_length":6,"do_lower_case":true})");
    EXPECT_EQ(limit_of(folder), (Limit{6, name + ": max_seq_length"}));
    EXPECT_TRUE(open_checkpoint(folder.path())->lowercase);
  }
}

TEST(TokenLimit, RefusesNonsenseByKey) {
  const SmallBertFolder folder;
  for (const std::string value : {"0", "-1", R"("256")", "true"}) {
    folder.write("sentence_bert_config.json", R"({"max_seq_length":)" + value + "}");
    EXPECT_THAT(refusal(folder).message, HasSubstr("sentence_bert_config.json: \"max_seq_length\""))
        << value;
  }
  folder.write("sentence_bert_config.json", R"({"do_lower_case":"no"})");
  EXPECT_THAT(refusal(folder).message, HasSubstr("\"do_lower_case\" must be true or false"));
  folder.write("sentence_bert_config.json", R"({"transformer_task":"sequence-classification"})");
  EXPECT_THAT(refusal(folder).message,
              HasSubstr("\"transformer_task\" is \"sequence-classification\""));
}

// config_sentence_transformers.json

TEST(Prompts, AreReadWithTheirDefault) {
  const SmallBertFolder folder;
  folder.write(
      "config_sentence_transformers.json",
      R"({"prompts":{"query":"query: ","document":null},"default_prompt_name":"query","truncate_dim":2})");
  const auto model = open_checkpoint(folder.path());
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_THAT(model->prompts, ElementsAre(Pair("document", ""), Pair("query", "query: ")));
  EXPECT_EQ(model->default_prompt_name, "query");
  EXPECT_EQ(model->truncate_dim, 2U);
}

TEST(Prompts, DefaultMustBeOneOfThem) {
  const SmallBertFolder folder;
  folder.write("config_sentence_transformers.json",
               R"({"prompts":{"a":"b"},"default_prompt_name":"c"})");
  EXPECT_THAT(refusal(folder).message,
              HasSubstr("\"default_prompt_name\" is \"c\", which \"prompts\" does not have"));
  folder.write("config_sentence_transformers.json", R"({"default_prompt_name":"document"})");
  EXPECT_THAT(open_checkpoint(folder.path())->prompts, ElementsAre(Pair("document", "")));
  folder.write("config_sentence_transformers.json", R"({"prompts":{},"default_prompt_name":null})");
  EXPECT_EQ(open_checkpoint(folder.path())->default_prompt_name, "");
}

TEST(Prompts, RefusesNonsenseByKey) {
  const SmallBertFolder folder;
  folder.write("config_sentence_transformers.json", R"({"prompts":["a"]})");
  EXPECT_THAT(refusal(folder).message, HasSubstr("\"prompts\" must be an object"));
  folder.write("config_sentence_transformers.json", R"({"prompts":{"a":1}})");
  EXPECT_THAT(refusal(folder).message, HasSubstr("\"prompts\" holds \"a\""));
  folder.write("config_sentence_transformers.json", R"({"truncate_dim":0})");
  EXPECT_THAT(refusal(folder).message, HasSubstr("\"truncate_dim\" is 0"));
}

TEST(Prompts, CannotBeLeftOutOfThePooling) {
  const SmallBertFolder folder;
  write_pooling(folder, R"({"include_prompt":false})");
  EXPECT_TRUE(open_checkpoint(folder.path())) << "without prompts there is nothing to leave out";
  folder.write("config_sentence_transformers.json", R"({"prompts":{"query":""}})");
  EXPECT_TRUE(open_checkpoint(folder.path()));
  folder.write("config_sentence_transformers.json", R"({"prompts":{"query":"query: "}})");
  EXPECT_EQ(refusal(folder).code, ErrorCode::Unsupported);
  EXPECT_THAT(refusal(folder).message, HasSubstr("\"include_prompt\" is false"));
}

TEST(Prompts, TruncationBeyondTheWidthIsNone) {
  const SmallBertFolder folder;
  folder.write("config_sentence_transformers.json", R"({"truncate_dim":4})");
  EXPECT_EQ(open_checkpoint(folder.path())->truncate_dim, std::nullopt);
}

// Folders without weights that we read

TEST(FolderWithoutWeights, OpensForOnnx) {
  const SmallBertFolder folder;
  folder.remove("model.safetensors");
  folder.write("model.onnx", "graph");
  folder.write("tokenizer.json", "{}");
  const auto model = open_checkpoint(folder.path());
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model->weights, nullptr);
  EXPECT_EQ(model->architecture.family, "bert");
  EXPECT_THAT(model->no_weights_reason, HasSubstr("neither model.safetensors nor"));
  EXPECT_EQ(model->tokenizer_json, folder.path() / "tokenizer.json");
}

TEST(FolderWithoutWeights, SaysWhyPickleIsNotRead) {
  const SmallBertFolder folder;
  folder.remove("model.safetensors");
  folder.write("pytorch_model.bin", "pickle");
  const auto model = open_checkpoint(folder.path());
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model->weights, nullptr);
  EXPECT_THAT(model->no_weights_reason,
              HasSubstr("pytorch_model.bin is not read (pickle can run code)"));
}

TEST(FolderWithoutWeights, MayBeOfAnyArchitectureWhenItHasOnnx) {
  const TemporaryFolder folder;
  folder.write("config.json",
               R"({"model_type":"qwen3","architectures":["Qwen3ForCausalLM"],"hidden_size":16,)"
               R"("vocab_size":20,"max_position_embeddings":64})");
  EXPECT_EQ(refusal(folder).code, ErrorCode::Unsupported);
  folder.write("model.onnx", "graph");
  folder.write("model.safetensors", "not opened: our engines cannot run it");
  const auto model = open_checkpoint(folder.path());
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model->weights, nullptr);
  EXPECT_THAT(model->no_weights_reason, HasSubstr("\"model_type\" is \"qwen3\""));
  EXPECT_EQ(model->architecture.family, "");
  EXPECT_EQ(model->architecture.hidden, 16U);
  EXPECT_EQ(model->max_tokens, 64U);
  EXPECT_THAT(model->pooling.modes, ElementsAre(PoolingMode::LastToken));
}

TEST(FolderWithoutWeights, FindsTheGraphInAFolderBelow) {
  for (const std::string graph : {"1/model.onnx", "onnx/model_quantized.onnx"}) {
    const TemporaryFolder folder;
    folder.write("config.json", R"({"model_type":"mpnet","max_position_embeddings":514})");
    EXPECT_EQ(refusal(folder).code, ErrorCode::Unsupported);
    folder.write(graph, "graph");
    const auto model = open_checkpoint(folder.path());
    ASSERT_TRUE(model) << model.error().message;
    EXPECT_EQ(model->max_tokens, 512U);
  }
}

TEST(FolderWithoutWeights, NeedsALimitOfTokensFromSomewhere) {
  const TemporaryFolder folder;
  folder.write("config.json", R"({"model_type":"mamba"})");
  folder.write("model.onnx", "graph");
  EXPECT_THAT(refusal(folder).message,
              HasSubstr("set \"max_seq_length\" in sentence_bert_config.json"));
}

// The small BERT's folder with its export instead of safetensors.
class SmallBertExportFolder : public SmallBertFolder {
 public:
  explicit SmallBertExportFolder(const std::string& prefix = "") {
    remove("model.safetensors");
    write("model.onnx", onnx_bytes::small_bert_export(small_bert_tensors(prefix)).bytes());
  }
};

TEST(FolderWithAnExport, TakesItsWeights) {
  for (const std::string prefix : {"", "bert.", "auto_model."}) {
    const SmallBertExportFolder folder(prefix);
    const auto model = open_checkpoint(folder.path());
    ASSERT_TRUE(model) << model.error().message;
    ASSERT_NE(model->weights, nullptr) << model->no_weights_reason;
    EXPECT_EQ(model->no_weights_reason, "");
    EXPECT_EQ(model->onnx_weights, folder.path() / "model.onnx");
    const auto names = encoder_weight_names(*model);
    ASSERT_TRUE(names) << names.error().message;
    EXPECT_EQ(names->layers.at(1).down.weight, prefix + "encoder.layer.1.output.dense.weight");
    EXPECT_EQ(model->weights->find(names->layers.at(1).down.weight)->shape, (Shape{4, 6}));
  }
}

TEST(FolderWithAnExport, PrefersSafetensors) {
  const SmallBertExportFolder folder;
  folder.write("model.safetensors", safetensors_bytes(small_bert_tensors()));
  const auto model = open_checkpoint(folder.path());
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_NE(model->weights, nullptr);
  EXPECT_TRUE(model->onnx_weights.empty());
}

TEST(FolderWithAnExport, SaysWhyItsWeightsAreOfNoUse) {
  const auto reason = [](const SmallBertExportFolder& folder) {
    const auto model = open_checkpoint(folder.path());
    EXPECT_TRUE(model);
    EXPECT_EQ(model->weights, nullptr);
    EXPECT_TRUE(model->onnx_weights.empty());
    return model->no_weights_reason;
  };
  const SmallBertExportFolder other_sizes;
  other_sizes.write("config.json", small_bert_config({{"intermediate_size", "7"}}));
  EXPECT_THAT(reason(other_sizes),
              AllOf(HasSubstr("model.onnx is not an export"), HasSubstr("config.json makes it")));
  const SmallBertExportFolder deeper;
  deeper.write("config.json", small_bert_config({{"num_hidden_layers", "3"}}));
  EXPECT_THAT(reason(deeper), HasSubstr("no tensor \"encoder.layer.2"));
  const SmallBertExportFolder fused;
  fused.write("model.onnx", onnx_bytes::small_bert_export()
                                .add({"Attention", {"x"}, "y", "", "", "com.microsoft"})
                                .bytes());
  EXPECT_THAT(reason(fused), HasSubstr("com.microsoft.Attention"));
}

TEST(FolderWithWeights, RefusesASpoiltFileEvenBesideOnnx) {
  const SmallBertFolder folder;
  folder.write("model.onnx", "graph");
  folder.write("model.safetensors", "garbage that is long enough");
  EXPECT_THAT(refusal(folder).message, HasSubstr("model.safetensors"));
}

TEST(FolderWithWeights, InASubfolderIsReadThere) {
  const TemporaryFolder folder;
  folder.write("modules.json", R"([{"idx":0,"path":"0_Transformer","type":"a.Transformer"},)"
                               R"({"idx":1,"path":"1_Pooling","type":"a.Pooling"}])");
  folder.write("1_Pooling/config.json", "{}");
  folder.write("0_Transformer/config.json", small_bert_config());
  folder.write("0_Transformer/model.safetensors", safetensors_bytes(small_bert_tensors()));
  folder.write("0_Transformer/sentence_bert_config.json", R"({"max_seq_length":5})");
  folder.write("0_Transformer/tokenizer.json", "{}");
  const auto model = open_checkpoint(folder.path());
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model->folder, folder.path());
  EXPECT_EQ(model->max_tokens, 5U);
  EXPECT_EQ(model->tokenizer_json, folder.path() / "0_Transformer" / "tokenizer.json");
}

}  // namespace
}  // namespace neso
