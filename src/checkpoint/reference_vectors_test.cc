// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/reference_vectors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/temporary_folder.h"

namespace neso {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ReferenceVectorsTest : public ::testing::Test {
 protected:
  Result<ReferenceVectors> read(std::string_view json) {
    folder_.write("reference_vectors.json", std::string(json));
    return read_reference_vectors(folder_.path() / "reference_vectors.json");
  }
  std::string refusal(std::string_view json) {
    const auto references = read(json);
    return references ? "it was read" : references.error().message;
  }
  TemporaryFolder folder_;
};

TEST_F(ReferenceVectorsTest, TextsPromptsAndVectorsAreRead) {
  const auto references = read(R"({"made_by": "a library 1.0", "vectors": [
      {"text": "one", "vector": [0.5, -1, 2e-3]},
      {"text": "", "prompt_name": "query", "vector": [1, 0, 0]}]})");
  ASSERT_TRUE(references) << references.error().message;
  EXPECT_EQ(references->made_by, "a library 1.0");
  EXPECT_EQ(references->width(), 3U);
  ASSERT_EQ(references->vectors.size(), 2U);
  EXPECT_EQ(references->vectors[0].text, "one");
  EXPECT_EQ(references->vectors[0].prompt_name, std::nullopt);
  EXPECT_THAT(references->vectors[0].values, ElementsAre(0.5F, -1.0F, 2e-3F));
  EXPECT_EQ(references->vectors[1].prompt_name, "query");
}

TEST_F(ReferenceVectorsTest, WithoutTheFileItIsNotFound) {
  const auto references = read_reference_vectors(folder_.path() / "reference_vectors.json");
  ASSERT_FALSE(references);
  EXPECT_EQ(references.error().code, ErrorCode::NotFound);
}

TEST_F(ReferenceVectorsTest, EveryMistakeHasASentenceWithFileAndNumber) {
  const auto second = [](std::string_view entry) {
    return R"({"vectors": [{"text": "a", "vector": [1, 2]}, )" + std::string(entry) + "]}";
  };
  const std::pair<std::string, std::string> cases[] = {
      {"[]", "must hold an object"},
      {"{}", "\"vectors\" must be a list of at least one"},
      {R"({"vectors": []})", "\"vectors\" must be a list of at least one"},
      {R"({"vectors": {"text": "a"}})", "\"vectors\" must be a list of at least one"},
      {R"({"made_by": 3, "vectors": [{"text": "a", "vector": [1]}]})",
       "\"made_by\" must be a string"},
      {second("7"), "number 1 of \"vectors\" must be an object"},
      {second(R"({"vector": [1, 2]})"), "number 1 of \"vectors\" has no \"text\""},
      {second(R"({"text": 7, "vector": [1, 2]})"), "number 1 of \"vectors\" has no \"text\""},
      {second(R"({"text": "b"})"), "number 1 of \"vectors\" has no \"vector\""},
      {second(R"({"text": "b", "vector": 1})"), "number 1 of \"vectors\" has no \"vector\""},
      {second(R"({"text": "b", "vector": []})"), "has an empty \"vector\""},
      {second(R"({"text": "b", "vector": [1, "2"]})"), "whose value 1 is no number"},
      {second(R"({"text": "b", "vector": [1, 1e39]})"), "whose value 1, 1e+39, is too large"},
      {second(R"({"text": "b", "vector": [0, 0]})"), "is all zero"},
      {second(R"({"text": "b", "vector": [1, 2, 3]})"), "of 3 values, but number 0 has 2"},
      {second(R"({"text": "b", "prompt_name": 1, "vector": [1, 2]})"),
       "\"prompt_name\" that is no"},
      {second(R"({"text": "b", "text": "c", "vector": [1, 2]})"), "\"text\" is there twice"},
      {second(R"({"text": "b", "vector": [1, NaN]})"), "reference_vectors.json: "},
  };
  for (const auto& [json, sentence] : cases) {
    const std::string told = refusal(json);
    EXPECT_THAT(told, HasSubstr(sentence)) << json;
    EXPECT_THAT(told, HasSubstr("reference_vectors.json")) << json;
  }
}

TEST_F(ReferenceVectorsTest, ThereAreLimits) {
  const auto list = [](size_t count, const std::string& text, size_t width) {
    std::string json = R"({"vectors": [)";
    for (size_t i = 0; i < count; ++i) {
      json += (i > 0 ? "," : "") + (R"({"text": ")" + text + R"(", "vector": [1)");
      for (size_t k = 1; k < width; ++k) json += ",0";
      json += "]}";
    }
    return json + "]}";
  };
  EXPECT_TRUE(read(list(kMostReferenceVectors, "a", 1)));
  EXPECT_THAT(refusal(list(kMostReferenceVectors + 1, "a", 1)), HasSubstr("keep at most 256"));
  EXPECT_TRUE(read(list(1, "a", kMostReferenceValues)));
  EXPECT_THAT(refusal(list(1, "a", kMostReferenceValues + 1)), HasSubstr("at most 65536"));
  EXPECT_TRUE(read(list(1, std::string(kMostReferenceTextBytes, 'a'), 1)));
  EXPECT_THAT(refusal(list(1, std::string(kMostReferenceTextBytes + 1, 'a'), 1)),
              HasSubstr("at most 65536"));
}

}  // namespace
}  // namespace neso
