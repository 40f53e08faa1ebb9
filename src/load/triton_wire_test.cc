// SPDX-License-Identifier: Apache-2.0
#include "load/triton_wire.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

namespace neso::load {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::array<float, 2> kFloats = {0.5F, -2};
const std::array<uint8_t, 2> kBooleans = {1, 0};
const std::vector<std::string> kTexts = {"a \"b\"", "c"};

std::vector<NamedTensor> tensors() {
  return {{"x", Tensor::from<float>(DType::Fp32, {1, 2}, kFloats)},
          {"b", Tensor::from<uint8_t>(DType::Bool, {1, 2}, kBooleans)},
          {"text", Tensor::from_strings({2, 1}, kTexts)}};
}

TEST(TritonWire, WritesTensorsAsJson) {
  const auto body = json_infer_body(tensors());
  ASSERT_TRUE(body);
  EXPECT_EQ(body->bytes,
            R"({"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":[0.5,-2.0]},)"
            R"({"name":"b","datatype":"BOOL","shape":[1,2],"data":[true,false]},)"
            R"({"name":"text","datatype":"BYTES","shape":[2,1],"data":["a \"b\"","c"]}]})");
}

TEST(TritonWire, WritesTensorsAsBytesBehindTheJson) {
  const InferBody body = binary_infer_body(tensors());
  const std::string_view json = std::string_view(body.bytes).substr(0, body.json_bytes);
  EXPECT_TRUE(json.starts_with(R"({"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],)"
                               R"("parameters":{"binary_data_size":8}})"));
  EXPECT_TRUE(json.ends_with(R"(],"parameters":{"binary_data_output":true}})"));
  EXPECT_EQ(body.bytes.size() - body.json_bytes, 8U + 2U + (4 + 5) + (4 + 1));
  EXPECT_EQ(std::string_view(body.bytes).substr(body.json_bytes + 8, 2),
            std::string_view("\1\0", 2));
}

TEST(TritonWire, HalfFloatsNeedBytes) {
  const std::array<uint16_t, 1> half = {0};
  for (const DType dtype : {DType::Fp16, DType::Bf16}) {
    const std::vector<NamedTensor> inputs = {{"h", Tensor::from<uint16_t>(dtype, {1}, half)}};
    const auto body = json_infer_body(inputs);
    ASSERT_FALSE(body);
    EXPECT_THAT(body.error().message, HasSubstr("send bytes with --binary"));
    EXPECT_EQ(binary_infer_body(inputs).bytes.size(), binary_infer_body(inputs).json_bytes + 2);
  }
}

TEST(TritonWire, ReadsAModelsInputs) {
  const auto inputs =
      read_model_metadata(R"({"name":"m","inputs":[{"name":"x","datatype":"INT8","shape":[-1,4]},)"
                          R"({"name":"s","datatype":"BYTES","shape":[]}],"outputs":[]})");
  ASSERT_TRUE(inputs);
  EXPECT_EQ((*inputs)[0].name, "x");
  EXPECT_EQ((*inputs)[0].dtype, DType::Int8);
  EXPECT_THAT((*inputs)[0].shape, ElementsAre(-1, 4));
  EXPECT_EQ((*inputs)[1].dtype, DType::Bytes);
  for (const char* body : {"", "{}", R"({"inputs":[]})", R"({"inputs":[{"name":"x"}]})",
                           R"({"inputs":[{"name":"x","datatype":"INT9","shape":[1]}]})",
                           R"({"inputs":[{"name":"x","datatype":"INT8","shape":[-2]}]})",
                           R"({"inputs":[{"name":"x","datatype":"INT8","shape":["a"]}]})"})
    EXPECT_FALSE(read_model_metadata(body)) << body;
}

TEST(TritonWire, TheConfigSaysWhetherAModelBatchesElseItsShapesDo) {
  const std::vector<InputSpec> open = {{"x", DType::Fp32, {-1, 2}}};
  const std::vector<InputSpec> fixed = {{"x", DType::Fp32, {1, 2}}};
  EXPECT_TRUE(*read_batches(R"({"max_batch_size":8})", open));
  EXPECT_FALSE(*read_batches(R"({"max_batch_size":0})", open));
  EXPECT_FALSE(*read_batches("{}", open));
  EXPECT_TRUE(*read_batches("", open));
  EXPECT_FALSE(*read_batches("", fixed));
  EXPECT_FALSE(read_batches("<html>", open));
}

TEST(TritonWire, CountsTheRowsOfAnAnswer) {
  EXPECT_EQ(rows_of_answer(R"({"outputs":[{"name":"y","shape":[12,3],"data":[]}]})"), 12);
  EXPECT_EQ(rows_of_answer(R"({"outputs": [{"shape" : [ 7, 3]}]})"), 7);
  EXPECT_EQ(rows_of_answer(R"({"outputs":[{"shape":[],"data":[1]}]})"), -1);
  EXPECT_EQ(rows_of_answer(R"({"outputs":[]})"), -1);
  EXPECT_EQ(rows_of_answer(""), -1);
}

}  // namespace
}  // namespace neso::load
