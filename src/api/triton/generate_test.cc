// SPDX-License-Identifier: Apache-2.0
// The generate extension: which member becomes what, of which shape, and what the answer looks
// like.
#include "api/triton/generate.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace neso::triton {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::vector<TensorMetadata> kInputs = {{"text", DType::Bytes, {-1, -1}},
                                             {"grid", DType::Int32, {-1, 2, 3}},
                                             {"pairs", DType::Fp32, {-1, -1, 2}},
                                             {"half", DType::Fp16, {-1}},
                                             {"none", DType::Int32, {-1, 0}}};

Result<InferRequest> decode(std::string_view body, size_t max_bytes = 1 << 20) {
  return decode_generate("m", body, kInputs, max_bytes);
}

std::string refusal(std::string_view body) {
  const auto decoded = decode(body);
  return decoded ? "decoded" : decoded.error().message;
}

Shape shape_of(std::string_view body) {
  const auto decoded = decode(body);
  EXPECT_TRUE(decoded) << decoded.error().message;
  return decoded ? decoded->inputs.at(0).tensor.shape() : Shape{};
}

TEST(Generate, MembersAreInputsOrParametersAndTheIdIsEchoed) {
  const auto decoded =
      decode(R"({"id":"q","text":["a","bc"],"temperature":0.5,"stop":true,"priority":"high",)"
             R"("triton_x":1,"parameters":{"id":7,"n":1,"grid":[1,2,3,4,5,6]}})");
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(decoded->model, "m");
  EXPECT_EQ(decoded->id, "q");
  ASSERT_EQ(decoded->inputs.size(), 2U);
  EXPECT_EQ(decoded->inputs[0].name, "text");
  EXPECT_EQ(bytes_elements(decoded->inputs[0].tensor.bytes()).value(),
            (std::vector<std::string_view>{"a", "bc"}));
  EXPECT_EQ(decoded->inputs[1].name, "grid");
  EXPECT_THAT(decoded->inputs[1].tensor.as<int32_t>(), ElementsAre(1, 2, 3, 4, 5, 6));
}

TEST(Generate, ElementsFillTheFixedDimensionsAndThenTheInnermostFreeOne) {
  EXPECT_EQ(shape_of(R"({"text":"a"})"), (Shape{1, 1}));
  EXPECT_EQ(shape_of(R"({"text":["a","b","c"]})"), (Shape{1, 3}));
  EXPECT_EQ(shape_of(R"({"text":[]})"), (Shape{1, 0}));
  EXPECT_EQ(shape_of(R"({"text":[["a"]]})"), (Shape{1, 1}));
  EXPECT_EQ(shape_of(R"({"grid":[1,2,3,4,5,6,7,8,9,10,11,12]})"), (Shape{2, 2, 3}));
  EXPECT_EQ(shape_of(R"({"pairs":[1,2,3,4]})"), (Shape{1, 2, 2}));
  const std::string grid = "The schema can not convert input 'grid' to tensor with proper shape";
  EXPECT_EQ(refusal(R"({"grid":[1,2,3,4,5,6,7]})"), grid);
  EXPECT_EQ(refusal(R"({"grid":1})"), grid);
  EXPECT_THAT(refusal(R"({"none":[]})"), HasSubstr("can not convert input 'none'"));
}

TEST(Generate, ValuesThatNoInputAndNoParameterTakesAreRefused) {
  const std::string wrong =
      "parameter 'p' has invalid type. It should be either 'int', 'bool', or 'string'.";
  for (const char* value : {"null", "[1]", R"({"a":1})"}) {
    const std::string member = fmt::format(R"("p":{})", value);
    EXPECT_EQ(refusal("{" + member + "}"), wrong);
    EXPECT_EQ(refusal(R"({"parameters":{)" + member + "}}"),
              "Converting keyword: 'parameters': " + wrong);
  }
  EXPECT_EQ(refusal(R"({"text":7})"), "input 'text': element 0 is 7, but BYTES takes strings");
  EXPECT_EQ(refusal(R"({"text":{"a":1}})"), "input 'text' holds an object");
  EXPECT_EQ(refusal(R"({"text":["a",{}]})"), "input 'text' holds an object");
  EXPECT_EQ(refusal(R"({"pairs":[[1,2],[3,4]]})"),
            "input 'pairs' has 4 values in 2 elements; write them as a flat array");
  EXPECT_EQ(refusal(R"({"half":1})"),
            "receiving FP16 data via JSON is not supported. Please use the binary data format for "
            "input half");
  EXPECT_EQ(refusal(R"({"id":7})"), "'id' must be a string");
  EXPECT_EQ(refusal(R"({"parameters":1})"), "Expected JSON object for keyword: 'parameters'");
  EXPECT_EQ(refusal(R"({"parameters":[]})"), "Expected JSON object for keyword: 'parameters'");
  EXPECT_EQ(refusal("x"), "failed to parse the request JSON buffer: Invalid value. at 0");
  for (const char* body : {"[1]", "7", "null", "\"a\""})
    EXPECT_EQ(refusal(body), "the body of a generate request must be a JSON object");
}

TEST(Generate, AnInputThatComesTwiceIsRefusedWithTheIdWhereverThatStands) {
  EXPECT_EQ(refusal(R"({"text":"a","text":"b","id":"q"})"),
            "[request id: q] input 'text' already exists in request");
  EXPECT_EQ(refusal(R"({"text":"a","parameters":{"text":"b"}})"),
            "Converting keyword: 'parameters': [request id: <id_unknown>] input 'text' already "
            "exists in request");
}

TEST(Generate, AModelsInputCalledParametersStandsAgainstTheKeyword) {
  const std::vector<TensorMetadata> inputs = {{"parameters", DType::Bytes, {-1}}};
  EXPECT_EQ(decode_generate("m", R"({"parameters":{"a":1}})", inputs, 100).error().message,
            "Keyword 'parameters' for nested schema also given as input tensor name");
}

TEST(Generate, TheBytesOfAllInputsAreLimitedTogether) {
  const std::string_view body = R"({"grid":[1,2,3,4,5,6],"pairs":[1,2]})";
  EXPECT_TRUE(decode(body, 32));
  EXPECT_EQ(decode(body, 31).error().code, ErrorCode::TooLarge);
}

TEST(Generate, TheAnswerIsOneObjectSortedByName) {
  const std::vector<float> tenth = {0.1F};
  const std::vector<int32_t> two = {1, 2};
  const std::vector<std::string> text = {"a\n"};
  InferResponse response{.model = "m", .version = 3, .id = "q", .outputs = {}};
  response.parameters = {{"sequence_id", int64_t{0}}, {"b", false}, {"model_name", true}};
  response.outputs = {{"z", Tensor::from<float>(DType::Fp32, {1, 1}, tenth)},
                      {"a", Tensor::from<int32_t>(DType::Int32, {1, 2}, two)},
                      {"o", Tensor::from_strings({1}, text)},
                      {"e", Tensor(DType::Int32, {1, 0}, {})},
                      {"id", Tensor::from<int32_t>(DType::Int32, {1, 2}, two)}};
  EXPECT_EQ(encode_generate(response).value(),
            R"({"a":[1,2],"b":false,"e":[],"id":"q","model_name":"m","model_version":"3",)"
            R"("o":"a\n","sequence_id":0,"z":0.10000000149011612})");
  response.outputs = {{"h", Tensor(DType::Fp16, {1}, std::vector<std::byte>(2))}};
  EXPECT_EQ(encode_generate(response).error().message,
            "sending FP16 data via JSON is not supported. Please use the binary data format for "
            "output");
}

}  // namespace
}  // namespace neso::triton
