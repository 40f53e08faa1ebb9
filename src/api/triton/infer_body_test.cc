// SPDX-License-Identifier: Apache-2.0
#include "api/triton/infer_body.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

namespace neso::triton {
namespace {

using ::testing::HasSubstr;

constexpr size_t kPlenty = 1 << 20;

InferBody must_read(std::string_view json) {
  auto body = read_infer_body(json, kPlenty);
  EXPECT_TRUE(body.has_value()) << (body ? "" : body.error().message);
  return body ? std::move(*body) : InferBody{};
}

std::string refusal(std::string_view json) {
  auto body = read_infer_body(json, kPlenty);
  EXPECT_FALSE(body.has_value()) << json;
  return body ? "" : body.error().message;
}

template <typename T>
std::vector<T> values(const BodyInput& input) {
  std::vector<T> out(input.data.size() / sizeof(T));
  std::memcpy(out.data(), input.data.data(), input.data.size());
  return out;
}

TEST(InferBody, ReadsTensorsOfAnyNesting) {
  const InferBody body = must_read(
      R"({"id":"a","inputs":[{"name":"x","shape":[2,2],"datatype":"INT64","data":[[1,2],[3,-4]]},)"
      R"({"name":"y","shape":[2],"datatype":"FP32","data":[0.5,1]}],"outputs":[{"name":"o"}]})");
  EXPECT_EQ(body.id, "a");
  ASSERT_EQ(body.inputs->size(), 2U);
  EXPECT_EQ(values<int64_t>((*body.inputs)[0]), (std::vector<int64_t>{1, 2, 3, -4}));
  EXPECT_EQ((*body.inputs)[0].shape, (Shape{2, 2}));
  EXPECT_EQ(values<float>((*body.inputs)[1]), (std::vector<float>{0.5F, 1.0F}));
  EXPECT_EQ(body.outputs.at(0).name, "o");
}

TEST(InferBody, ReadsDataThatStandsBeforeItsDatatype) {
  const InferBody body =
      must_read(R"({"inputs":[{"data":[7,8],"datatype":"INT32","shape":[2],"name":"x"}]})");
  EXPECT_EQ(values<int32_t>(body.inputs->at(0)), (std::vector<int32_t>{7, 8}));
}

TEST(InferBody, KeepsTextAsItIsIncludingNul) {
  const InferBody body =
      must_read(R"({"inputs":[{"name":"t","shape":[1],"datatype":"BYTES","data":["a\u0000ü"]}]})");
  const auto& data = body.inputs->at(0).data;
  ASSERT_EQ(data.size(), 4U + 4U);
  EXPECT_EQ(std::memcmp(data.data(), "\x04\0\0\0a\0\xc3\xbc", 8), 0);
}

TEST(InferBody, TheFirstOfTwoEqualMembersCounts) {
  const InferBody body = must_read(
      R"({"inputs":[{"name":"x","name":"z","shape":[1],"shape":[9],"datatype":"INT32","data":[1],"data":[2]}],"inputs":[]})");
  EXPECT_EQ(body.inputs->size(), 1U);
  EXPECT_EQ(body.inputs->at(0).name, "x");
  EXPECT_EQ(body.inputs->at(0).shape, (Shape{1}));
  EXPECT_EQ(values<int32_t>(body.inputs->at(0)), (std::vector<int32_t>{1}));
}

TEST(InferBody, IgnoresUnknownMembersAtEveryLevel) {
  const InferBody body = must_read(
      R"({"x":{"inputs":[1]},"inputs":[{"q":[{"data":1}],"name":"x","shape":[1],"datatype":"INT32","data":[1],)"
      R"("parameters":{"deep":{"a":[1]}}}],"outputs":[{"name":"o","z":{},"parameters":{"binary_data":true}}]})");
  EXPECT_EQ(values<int32_t>(body.inputs->at(0)), (std::vector<int32_t>{1}));
  EXPECT_EQ(body.outputs.at(0).binary_data, true);
}

TEST(InferBody, ADocumentThatIsNoObjectHasNoInputs) {
  for (const char* json : {"null", "[]", "[1,2]", "\"hello\"", "5", "[{\"inputs\":[]}]"}) {
    EXPECT_FALSE(must_read(json).inputs.has_value()) << json;
  }
}

TEST(InferBody, NamesElementTypeAndRangeOfWhatDoesNotFit) {
  struct Row {
    const char* datatype;
    const char* value;
    const char* expected;
  };
  for (const Row& row : std::initializer_list<Row>{
           {"UINT8", "256", "element 1 is 256, but UINT8 takes whole numbers from 0 to 255"},
           {"INT64", "3.7", "is 3.7, but INT64 takes whole numbers"},
           {"INT32", "2147483648",
            "is 2147483648, but INT32 takes whole numbers from -2147483648 to 2147483647"},
           {"UINT64", "-1", "is -1, but UINT64"},
           {"INT64", "18446744073709551615", "but INT64 takes"},
           {"INT64", "18446744073709551616", "but INT64 takes"},
           {"FP32", "true", "is true, but FP32 takes numbers"},
           {"BOOL", "1", "is 1, but BOOL takes true or false"},
           {"BYTES", "1", "is 1, but BYTES takes strings"},
           {"INT32", "NaN", "element 1 is NaN, but INT32 takes whole numbers"},
           {"INT64", "101.0",
            "is 101.0, but INT64 takes whole numbers from -9223372036854775808 to "
            "9223372036854775807, written without point and exponent"},
           {"UINT8", "1e2",
            "is 1e2, but UINT8 takes whole numbers from 0 to 255, written without point and "
            "exponent"},
           {"INT32", "0.1234567890123456789012345678901234567890",
            "is 0.123456789012345678901234567890..., but"},
           {"INT32", "null", "is null"}}) {
    const std::string first = row.datatype == std::string_view("BYTES")  ? "\"a\""
                              : row.datatype == std::string_view("BOOL") ? "true"
                                                                         : "1";
    const InferBody body =
        must_read(R"({"inputs":[{"name":"x","shape":[2],"datatype":")" + std::string(row.datatype) +
                  R"(","data":[)" + first + "," + row.value + "]}]}");
    ASSERT_TRUE(body.inputs->at(0).data_error.has_value()) << row.value;
    EXPECT_THAT(body.inputs->at(0).data_error->message, HasSubstr(row.expected));
  }
}

TEST(InferBody, AcceptsTheBareWordsForNonFiniteFloats) {
  const InferBody body = must_read(
      R"({"inputs":[{"name":"x","shape":[3],"datatype":"FP32","data":[NaN,-Inf,Infinity]}]})");
  const auto floats = values<float>(body.inputs->at(0));
  EXPECT_TRUE(std::isnan(floats.at(0)));
  EXPECT_LT(floats.at(1), -1e38F);
  EXPECT_GT(floats.at(2), 1e38F);
}

TEST(InferBody, RefusesWrongContainersWithASentence) {
  EXPECT_THAT(refusal(R"({"inputs":null})"), HasSubstr("'inputs' must be an array"));
  EXPECT_THAT(refusal(R"({"inputs":{}})"), HasSubstr("'inputs' must be an array"));
  EXPECT_THAT(refusal(R"({"inputs":[1]})"), HasSubstr("must be an object"));
  EXPECT_THAT(refusal(R"({"inputs":[{"name":1}]})"), HasSubstr("'name' must be a string"));
  EXPECT_THAT(refusal(R"({"inputs":[{"name":"x","shape":16}]})"),
              HasSubstr("'shape' of input 'x' must be an array"));
  EXPECT_THAT(refusal(R"({"inputs":[{"name":"x","shape":[-1]}]})"), HasSubstr("whole numbers"));
  EXPECT_THAT(refusal(R"({"inputs":[{"name":"x","shape":["1"]}]})"), HasSubstr("whole numbers"));
  EXPECT_THAT(refusal(R"({"inputs":[{"name":"x","shape":[1.5]}]})"), HasSubstr("whole numbers"));
  EXPECT_THAT(refusal(R"({"inputs":[{"name":"x","data":"abc"}]})"),
              HasSubstr("'data' of input 'x' must be an array"));
  EXPECT_THAT(refusal(R"({"id":5,"inputs":[]})"), HasSubstr("'id' must be a string"));
  EXPECT_THAT(refusal(R"({"inputs":[],"parameters":[]})"),
              HasSubstr("'parameters' must be an object"));
  EXPECT_THAT(refusal(R"({"parameters":{"a":null}})"), HasSubstr("has invalid type"));
  EXPECT_THAT(refusal(R"({"parameters":{"triton_x":1}})"), HasSubstr("reserved for Triton usage"));
  EXPECT_THAT(refusal(R"({"parameters":{"timeout":-1}})"), HasSubstr("'timeout'"));
  EXPECT_THAT(refusal(R"({"parameters":{"sequence_id":{}}})"), HasSubstr("invalid type"));
}

TEST(InferBody, SyntaxErrorsCarryTritonsWordsAndTheOffset) {
  EXPECT_THAT(
      refusal("{'inputs':[]}"),
      HasSubstr("failed to parse the request JSON buffer: Missing a name for object member. at 1"));
  EXPECT_THAT(refusal(""), HasSubstr("The document is empty. at 0"));
  EXPECT_THAT(refusal(R"({"inputs":[]}{})"), HasSubstr("failed to parse the request JSON buffer"));
}

TEST(InferBody, EveryTruncationOfAGoodRequestIsRefused) {
  const std::string good =
      R"({"id":"a","inputs":[{"name":"x","shape":[2],"datatype":"INT64","data":[1,2]}],"outputs":[{"name":"o"}]})";
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(read_infer_body(std::string_view(good).substr(0, size), kPlenty)) << size;
  }
}

TEST(InferBody, NestingStopsAtAHundred) {
  const auto nested = [](size_t depth) {
    return R"({"inputs":[{"name":"x","shape":[1],"datatype":"INT32","data":)" +
           std::string(depth, '[') + "1" + std::string(depth, ']') + "}]}";
  };
  EXPECT_EQ(must_read(nested(97)).inputs->at(0).data_count, 1U);
  EXPECT_THAT(refusal(nested(98)), HasSubstr("depth exceeds maximum allowed limit (100)"));
  EXPECT_FALSE(read_infer_body(std::string(1'000'000, '['), kPlenty));
}

TEST(InferBody, DataBeyondTheByteLimitIsAnErrorOfThatInput) {
  auto body = read_infer_body(
      R"({"inputs":[{"name":"x","shape":[3],"datatype":"INT64","data":[1,2,3]}]})", 16);
  ASSERT_TRUE(body.has_value());
  ASSERT_TRUE(body->inputs->at(0).data_error.has_value());
  EXPECT_EQ(body->inputs->at(0).data_error->code, ErrorCode::TooLarge);
}

}  // namespace
}  // namespace neso::triton
