// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/modules.h"

#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/test_folder.h"

namespace neso {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Type and path of each module, as modules.json lists them.
std::string modules_json(const std::vector<std::pair<std::string, std::string>>& modules) {
  std::string json = "[";
  for (size_t i = 0; i < modules.size(); ++i) {
    json += (i == 0 ? "" : ",") + (R"({"idx":)" + std::to_string(i)) + R"(,"name":")" +
            std::to_string(i) + R"(","path":")" + modules[i].second + R"(","type":")" +
            modules[i].first + "\"}";
  }
  return json + "]";
}

const std::string kOldTransformer = "sentence_transformers.models.Transformer";
const std::string kOldPooling = "sentence_transformers.models.Pooling";
const std::string kOldNormalize = "sentence_transformers.models.Normalize";

Error refusal(const TemporaryFolder& folder) {
  const auto modules = read_modules(folder.path());
  return modules ? Error{ErrorCode::Internal, "it was taken"} : modules.error();
}

// Transformer and Pooling, with this pooling file.
Result<Modules> with_pooling(const std::string& config) {
  const TemporaryFolder folder;
  folder.write("modules.json", modules_json({{kOldTransformer, ""}, {kOldPooling, "1_Pooling"}}));
  folder.write("1_Pooling/config.json", config);
  return read_modules(folder.path());
}

TEST(Modules, ReadsTheOldGeneration) {
  const TemporaryFolder folder;
  folder.write("modules.json", modules_json({{kOldTransformer, ""},
                                             {kOldPooling, "1_Pooling"},
                                             {kOldNormalize, "2_Normalize"}}));
  folder.write(
      "1_Pooling/config.json",
      R"({"word_embedding_dimension":4,"pooling_mode_cls_token":true,"pooling_mode_mean_tokens":false})");
  const auto modules = read_modules(folder.path());
  ASSERT_TRUE(modules) << modules.error().message;
  EXPECT_EQ(modules->transformer_folder, folder.path());
  EXPECT_THAT(modules->pooling.value().modes, ElementsAre(PoolingMode::Cls));
  EXPECT_EQ(modules->pooling_width, 4U);
  EXPECT_TRUE(modules->normalize);
  EXPECT_TRUE(modules->include_prompt);
}

TEST(Modules, ReadsTheNewGeneration) {
  const TemporaryFolder folder;
  folder.write(
      "modules.json",
      modules_json(
          {{"sentence_transformers.base.modules.transformer.Transformer", ""},
           {"sentence_transformers.sentence_transformer.modules.pooling.Pooling", "1_Pooling"},
           {"sentence_transformers.base.modules.normalize.Normalize", "2_Normalize"}}));
  folder.write("1_Pooling/config.json",
               R"({"embedding_dimension":4,"pooling_mode":"lasttoken","include_prompt":false})");
  folder.write("2_Normalize/config.json", R"({"module_input_name":"sentence_embedding"})");
  const auto modules = read_modules(folder.path());
  ASSERT_TRUE(modules) << modules.error().message;
  EXPECT_THAT(modules->pooling.value().modes, ElementsAre(PoolingMode::LastToken));
  EXPECT_EQ(modules->pooling_width, 4U);
  EXPECT_TRUE(modules->normalize);
  EXPECT_FALSE(modules->include_prompt);
}

TEST(Modules, FindsTheTransformerInAFolderOfItsOwn) {
  const TemporaryFolder folder;
  folder.write("modules.json",
               modules_json({{kOldTransformer, "0_Transformer"}, {kOldPooling, "1_Pooling"}}));
  folder.write("1_Pooling/config.json", "{}");
  EXPECT_EQ(read_modules(folder.path())->transformer_folder, folder.path() / "0_Transformer");
}

TEST(Modules, WithoutModulesJsonOnlyThePoolingFileCounts) {
  const TemporaryFolder folder;
  const auto bare = read_modules(folder.path());
  ASSERT_TRUE(bare);
  EXPECT_EQ(bare->pooling, std::nullopt);
  EXPECT_FALSE(bare->normalize);
  EXPECT_EQ(bare->transformer_folder, folder.path());
  folder.write("1_Pooling/config.json", R"({"pooling_mode_cls_token":true})");
  EXPECT_THAT(read_modules(folder.path())->pooling.value().modes, ElementsAre(PoolingMode::Cls));
}

TEST(Modules, ReadsEveryOldPoolingKey) {
  const std::vector<std::pair<std::string, PoolingMode>> rows = {
      {"pooling_mode_cls_token", PoolingMode::Cls},
      {"pooling_mode_max_tokens", PoolingMode::Max},
      {"pooling_mode_mean_tokens", PoolingMode::Mean},
      {"pooling_mode_mean_sqrt_len_tokens", PoolingMode::MeanSqrtLength},
      {"pooling_mode_weightedmean_tokens", PoolingMode::WeightedMean},
      {"pooling_mode_lasttoken", PoolingMode::LastToken},
  };
  for (const auto& [key, mode] : rows) {
    const auto modules = with_pooling("{\"" + key + "\":true}");
    ASSERT_TRUE(modules) << key;
    EXPECT_THAT(modules->pooling.value().modes, ElementsAre(mode)) << key;
  }
}

TEST(Modules, ReadsEveryNewPoolingName) {
  for (const PoolingMode mode :
       {PoolingMode::Cls, PoolingMode::Max, PoolingMode::Mean, PoolingMode::MeanSqrtLength,
        PoolingMode::WeightedMean, PoolingMode::LastToken}) {
    const auto modules =
        with_pooling("{\"pooling_mode\":\"" + std::string(to_string(mode)) + "\"}");
    ASSERT_TRUE(modules) << to_string(mode);
    EXPECT_THAT(modules->pooling.value().modes, ElementsAre(mode));
  }
}

TEST(Modules, JoinsSeveralModesInTheirOrder) {
  EXPECT_THAT(with_pooling(R"({"pooling_mode_mean_tokens":true,"pooling_mode_cls_token":true})")
                  ->pooling.value()
                  .modes,
              ElementsAre(PoolingMode::Cls, PoolingMode::Mean));
  EXPECT_THAT(with_pooling(R"({"pooling_mode":["mean","cls"]})")->pooling.value().modes,
              ElementsAre(PoolingMode::Mean, PoolingMode::Cls));
}

TEST(Modules, PrefersTheNewKeyAndFallsBackToMean) {
  EXPECT_THAT(with_pooling(R"({"pooling_mode":"max","pooling_mode_cls_token":true})")
                  ->pooling.value()
                  .modes,
              ElementsAre(PoolingMode::Max));
  EXPECT_THAT(with_pooling(R"({"pooling_mode_cls_token":false})")->pooling.value().modes,
              ElementsAre(PoolingMode::Mean));
}

TEST(Modules, RefusesPoolingThatItDoesNotKnow) {
  const std::vector<std::pair<std::string, std::string>> rows = {
      {R"({"pooling_mode":"attention"})", "\"attention\""},
      {R"({"pooling_mode":7})", "\"pooling_mode\" must be a name"},
      {R"({"pooling_mode":[]})", "at least one mode"},
      {R"({"pooling_mode":["mean","mean"]})", "names \"mean\" twice"},
      {R"({"pooling_mode":["mean",null]})", "must be a name"},
      {R"({"pooling_mode_attention":true})", "\"pooling_mode_attention\""},
      {R"({"pooling_mode_cls_token":"yes"})", "\"pooling_mode_cls_token\" must be true or false"},
      {R"({"include_prompt":1})", "\"include_prompt\""},
      {R"({"embedding_dimension":"4"})", "\"embedding_dimension\""},
      {R"([])", "must hold an object"},
      {R"({)", "1_Pooling/config.json"},
  };
  for (const auto& [config, sentence] : rows) {
    const auto modules = with_pooling(config);
    ASSERT_FALSE(modules) << config;
    EXPECT_THAT(modules.error().message,
                AllOf(HasSubstr(sentence), HasSubstr("1_Pooling/config.json")))
        << config;
  }
}

TEST(Modules, RefusesAPoolingWithoutItsFile) {
  const TemporaryFolder folder;
  folder.write("modules.json", modules_json({{kOldTransformer, ""}, {kOldPooling, "1_Pooling"}}));
  EXPECT_EQ(refusal(folder).code,
            ErrorCode::InvalidArgument);  // NotFound would mean: no model folder
  EXPECT_THAT(refusal(folder).message, HasSubstr("1_Pooling/config.json is not there"));
}

TEST(Modules, RefusesModulesByName) {
  const TemporaryFolder folder;
  folder.write("1_Pooling/config.json", "{}");
  folder.write("modules.json", modules_json({{kOldTransformer, ""},
                                             {kOldPooling, "1_Pooling"},
                                             {"sentence_transformers.models.Dense", "2_Dense"},
                                             {kOldNormalize, "3_Normalize"}}));
  const Error dense = refusal(folder);
  EXPECT_EQ(dense.code, ErrorCode::Unsupported);
  EXPECT_THAT(dense.message, AllOf(HasSubstr("modules.json: the module \"Dense\" is not supported"),
                                   HasSubstr("\"Transformer\", \"Pooling\", \"Normalize\"")));
  folder.write("modules.json", modules_json({{"custom_st.Transformer2", ""}}));
  EXPECT_THAT(refusal(folder).message, HasSubstr("\"Transformer2\""));
}

TEST(Modules, RefusesOtherOrders) {
  const std::vector<std::vector<std::pair<std::string, std::string>>> orders = {
      {},
      {{kOldTransformer, ""}},
      {{kOldPooling, "1_Pooling"}, {kOldTransformer, ""}},
      {{kOldTransformer, ""}, {kOldNormalize, "n"}, {kOldPooling, "1_Pooling"}},
      {{kOldTransformer, ""}, {kOldPooling, "1_Pooling"}, {kOldPooling, "1_Pooling"}},
      {{kOldTransformer, ""},
       {kOldPooling, "1_Pooling"},
       {kOldNormalize, "n"},
       {kOldNormalize, "n"}},
  };
  for (const auto& order : orders) {
    const TemporaryFolder folder;
    folder.write("1_Pooling/config.json", "{}");
    folder.write("modules.json", modules_json(order));
    EXPECT_EQ(refusal(folder).code, ErrorCode::Unsupported) << modules_json(order);
  }
}

TEST(Modules, RefusesPathsThatLeaveTheFolder) {
  for (const std::string path : {"../1_Pooling", "/etc", "1_Pooling/../../x", "a\\u0000b"}) {
    const TemporaryFolder folder;
    folder.write("modules.json", modules_json({{kOldTransformer, ""}, {kOldPooling, path}}));
    EXPECT_THAT(refusal(folder).message, HasSubstr("leads out of the folder")) << path;
  }
  const TemporaryFolder elsewhere;
  const TemporaryFolder folder;
  std::filesystem::create_directory_symlink(elsewhere.path(), folder.path() / "1_Pooling");
  folder.write("modules.json", modules_json({{kOldTransformer, ""}, {kOldPooling, "1_Pooling"}}));
  EXPECT_THAT(refusal(folder).message,
              HasSubstr("the path \"1_Pooling\" of a module is a link that "
                        "leads out of the folder; put a copy"));
}

TEST(Modules, RefusesABrokenList) {
  const TemporaryFolder folder;
  for (const std::string json : {"{}", "[{}]", R"([{"type":"a.Transformer"}])", R"([7])", "["}) {
    folder.write("modules.json", json);
    EXPECT_THAT(refusal(folder).message, HasSubstr("modules.json")) << json;
    EXPECT_EQ(refusal(folder).code, ErrorCode::InvalidArgument) << json;
  }
}

TEST(Modules, RefusesToNormalizeTokenStates) {
  const TemporaryFolder folder;
  folder.write(
      "modules.json",
      modules_json({{kOldTransformer, ""}, {kOldPooling, "1_Pooling"}, {kOldNormalize, "n"}}));
  folder.write("1_Pooling/config.json", "{}");
  folder.write("n/config.json", R"({"module_input_name":"token_embeddings"})");
  EXPECT_THAT(refusal(folder).message, HasSubstr("\"module_input_name\" is \"token_embeddings\""));
}

}  // namespace
}  // namespace neso
