// SPDX-License-Identifier: Apache-2.0
#include "app/model_path.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

namespace neso {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class ModelPathTest : public ::testing::Test {
 protected:
  ModelPathTest() : root_(fs::path(::testing::TempDir()) / "model_path_test") {
    fs::remove_all(root_);
    fs::create_directories(root_);
  }
  ~ModelPathTest() override { fs::remove_all(root_); }

  void add(const std::string& path) {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << "{}";
  }
  Environment environment() const {
    return [cache =
                (root_ / "cache").string()](const std::string& name) -> std::optional<std::string> {
      if (name == "NESO_CACHE") return cache;
      return std::nullopt;
    };
  }

  fs::path root_;
};

TEST_F(ModelPathTest, AFolderWithAModelIsTakenAsItIs) {
  add("plain/config.json");
  const auto source = find_model((root_ / "plain/").string(), environment());
  ASSERT_TRUE(source.has_value());
  EXPECT_EQ(source->name, "plain");
  EXPECT_EQ(model_folder(*source), root_ / "plain/");
}

TEST_F(ModelPathTest, AVersionFolderIsNamedAfterItsModel) {
  add("minilm/1/config.json");
  const auto source = find_model((root_ / "minilm/1").string(), environment());
  ASSERT_TRUE(source.has_value());
  EXPECT_EQ(source->name, "minilm");
  EXPECT_EQ(model_folder(*source), root_ / "minilm/1");
}

TEST_F(ModelPathTest, OfARepositorysModelTheHighestVersionCounts) {
  add("model/2/config.json");
  add("model/10/model.onnx");
  add("model/x11/config.json");
  const auto source = find_model((root_ / "model").string(), environment());
  ASSERT_TRUE(source.has_value());
  EXPECT_EQ(source->version, 10);
  EXPECT_EQ(model_folder(*source), root_ / "model/10");
}

TEST_F(ModelPathTest, ANameIsLookedUpInTheCache) {
  add("cache/models/mine/1/config.json");
  const auto source = find_model("mine", environment());
  ASSERT_TRUE(source.has_value());
  EXPECT_EQ(model_folder(*source), root_ / "cache/models/mine/1");
}

TEST_F(ModelPathTest, SaysWhereItLooked) {
  add("empty/readme");
  EXPECT_THAT(find_model("other", environment()).error().message, HasSubstr("cache/models/other"));
  EXPECT_THAT(find_model("other", environment()).error().message, HasSubstr("holds no model yet"));
  add("cache/models/two/config.json");
  add("cache/models/one/1/model.onnx");
  add("cache/models/rubbish/readme");
  EXPECT_THAT(find_model("other", environment()).error().message,
              HasSubstr("the cache holds one, two"));
  EXPECT_THAT(find_model("../other", environment()).error().message,
              HasSubstr("no folder '../other'"));
  EXPECT_THAT(find_model((root_ / "empty").string(), environment()).error().message,
              HasSubstr("neither config.json"));
}

}  // namespace
}  // namespace neso
