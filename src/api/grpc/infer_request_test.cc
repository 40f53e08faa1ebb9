// SPDX-License-Identifier: Apache-2.0
#include "api/grpc/infer_request.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <cstring>

#include "request/test_shared_memory.h"

namespace neso::grpc_api {
namespace {

using inference::ModelInferRequest;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::shared_ptr<ModelInferRequest> message(const std::string& text) {
  auto parsed = std::make_shared<ModelInferRequest>();
  EXPECT_TRUE(
      google::protobuf::TextFormat::ParseFromString("model_name: 'm' " + text, parsed.get()));
  return parsed;
}

Result<InferRequest> decode(const std::string& text) {
  const SharedMemoryRegistry none(true);
  return decode_infer(message(text), std::nullopt, none);
}

std::string refusal(const std::string& text) {
  const auto decoded = decode(text);
  if (decoded) return "accepted";
  EXPECT_EQ(decoded.error().code, ErrorCode::InvalidArgument);
  return decoded.error().message;
}

// An input X of this datatype with these contents.
std::string typed(const std::string& datatype, const std::string& contents) {
  return "inputs { name: 'X' datatype: '" + datatype + "' shape: [1, 2] contents { " + contents +
         " } }";
}

template <typename T>
std::vector<T> values(const Tensor& tensor) {
  return {tensor.as<T>().begin(), tensor.as<T>().end()};
}

TEST(GrpcInferRequest, RawBytesAreTheTensorsWithoutACopy) {
  const auto raw = message(
      "id: 'r' inputs { name: 'A' datatype: 'INT32' shape: [1, 1] } "
      "inputs { name: 'B' datatype: 'BYTES' shape: [1] } "
      "raw_input_contents: '\\001\\000\\000\\000' raw_input_contents: '\\001\\000\\000\\000x'");
  const auto request = decode_infer(raw, 7, SharedMemoryRegistry(true));
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->model, "m");
  EXPECT_EQ(request->version, 7);
  EXPECT_EQ(request->id, "r");
  ASSERT_EQ(request->inputs.size(), 2U);
  EXPECT_EQ(request->inputs[0].tensor.shape(), (Shape{1, 1}));
  EXPECT_THAT(values<int32_t>(request->inputs[0].tensor), ElementsAre(1));
  EXPECT_THAT(bytes_elements(request->inputs[1].tensor.bytes()).value(), ElementsAre("x"));
  EXPECT_EQ(static_cast<const void*>(request->inputs[1].tensor.bytes().data()),
            raw->raw_input_contents(1).data());
}

TEST(GrpcInferRequest, TensorsOutliveTheCallersMessage) {
  auto decoded = decode(typed("FP32", "fp32_contents: [1, 2]"));
  ASSERT_TRUE(decoded);
  EXPECT_THAT(values<float>(decoded->inputs[0].tensor), ElementsAre(1, 2));
}

TEST(GrpcInferRequest, EachTypedFieldHoldsItsDatatype) {
  const auto tensor = [](const std::string& datatype, const std::string& contents) {
    const auto decoded = decode(typed(datatype, contents));
    EXPECT_TRUE(decoded) << decoded.error().message;
    return decoded->inputs.at(0).tensor;
  };
  EXPECT_THAT(values<int32_t>(tensor("INT32", "int_contents: [-1, 2]")), ElementsAre(-1, 2));
  EXPECT_THAT(values<int64_t>(tensor("INT64", "int64_contents: [-1, 2]")), ElementsAre(-1, 2));
  EXPECT_THAT(values<uint32_t>(tensor("UINT32", "uint_contents: [4294967295, 2]")),
              ElementsAre(4294967295U, 2U));
  EXPECT_THAT(values<uint64_t>(tensor("UINT64", "uint64_contents: [1, 2]")), ElementsAre(1, 2));
  EXPECT_THAT(values<double>(tensor("FP64", "fp64_contents: [0.5, 2]")), ElementsAre(0.5, 2));
  EXPECT_THAT(values<bool>(tensor("BOOL", "bool_contents: [true, false]")),
              ElementsAre(true, false));
  const Tensor strings = tensor("BYTES", "bytes_contents: 'ab' bytes_contents: ''");
  EXPECT_THAT(bytes_elements(strings.bytes()).value(), ElementsAre("ab", ""));
}

TEST(GrpcInferRequest, NarrowIntegersKeepTheirLowBytes) {
  const auto tensor = [](const std::string& datatype, const std::string& contents) {
    return decode(typed(datatype, contents))->inputs.at(0).tensor;
  };
  EXPECT_THAT(values<int8_t>(tensor("INT8", "int_contents: [-2, 257]")), ElementsAre(-2, 1));
  EXPECT_THAT(values<int16_t>(tensor("INT16", "int_contents: [-2, 65537]")), ElementsAre(-2, 1));
  EXPECT_THAT(values<uint8_t>(tensor("UINT8", "uint_contents: [255, 257]")), ElementsAre(255, 1));
  EXPECT_THAT(values<uint16_t>(tensor("UINT16", "uint_contents: [65535, 65537]")),
              ElementsAre(65535, 1));
}

TEST(GrpcInferRequest, ContentsOfAnotherKindAreRefused) {
  EXPECT_EQ(refusal(typed("FP16", "fp32_contents: [1, 2]")),
            "unexpected explicit tensor data for input tensor 'X' for model 'm' of type 'FP32', "
            "expected datatype 'FP16'");
  EXPECT_THAT(refusal(typed("FP32", "int_contents: [1]")), HasSubstr("of type 'INT32'"));
  EXPECT_THAT(refusal(typed("WORD", "uint64_contents: [1]")),
              HasSubstr("of type 'UINT64', expected datatype '<invalid>'"));
  EXPECT_EQ(refusal(typed("INT32", "int_contents: [1, 2] fp32_contents: [1]")),
            "unexpected explicit tensor data for input tensor 'X' for model 'm', binary data was "
            "already supplied.");
}

TEST(GrpcInferRequest, EveryInputHasOneSourceOfData) {
  const std::string raw = " raw_input_contents: '1234'";
  EXPECT_EQ(refusal(typed("FP32", "") + raw),
            "contents field must not be specified when using raw_input_contents for 'X' for model "
            "'m'");
  EXPECT_EQ(refusal("inputs { name: 'X' datatype: 'FP32' shape: [1] }"),
            "unable to find data for input tensor 'X' for model 'm' in request.");
  EXPECT_EQ(refusal("inputs { name: 'X' datatype: 'FP32' contents { } parameters { key: "
                    "'shared_memory_region' value { string_param: 'r' } } parameters { key: "
                    "'shared_memory_byte_size' value { int64_param: 4 } } }"),
            "unexpected 'content' provided when using shared memory for input tensor 'X' for model "
            "'m'");
  // Without elements the size is what is wrong, which is checked for all kinds of data alike.
  const auto empty = decode(typed("FP32", ""));
  ASSERT_TRUE(empty);
  EXPECT_EQ(empty->inputs[0].tensor.bytes().size(), 0U);
  EXPECT_TRUE(decode("inputs { name: 'X' datatype: 'FP32' shape: [1] }" + raw + raw));
}

TEST(GrpcInferRequest, UnknownDatatypesAndImmoderateRequestsAreRefused) {
  EXPECT_EQ(refusal("inputs { name: 'X' datatype: 'FLOAT' shape: [1] } raw_input_contents: '1234'"),
            "input 'X' has datatype 'FLOAT', which is none of KServe's");
  std::string dims;
  for (int i = 0; i < 65; ++i) dims += " shape: 1";
  EXPECT_THAT(refusal("inputs { name: 'X' datatype: 'FP32'" + dims + " } raw_input_contents: ''"),
              HasSubstr("more than 64 dimensions"));
  EXPECT_THAT(refusal("id: '" + std::string(5000, 'a') + "'"), HasSubstr("'id' has 5000 bytes"));
}

std::string parameter(const std::string& name, const std::string& value) {
  return "parameters { key: '" + name + "' value { " + value + " } }";
}

TEST(GrpcInferRequest, ParametersHaveTheirTypes) {
  EXPECT_TRUE(decode(parameter("sequence_id", "string_param: 's'")));
  EXPECT_EQ(decode(parameter("priority", "uint64_param: 3"))->priority, 3U);
  EXPECT_EQ(decode(parameter("priority", "int64_param: 2"))->priority, 2U);
  EXPECT_EQ(decode(parameter("timeout", "int64_param: 4"))->timeout_us, 4U);
  EXPECT_EQ(decode(parameter("timeout", "int64_param: -4"))->timeout_us, 0U);
  EXPECT_TRUE(decode(parameter("triton_enable_empty_final_response", "bool_param: true")));
  EXPECT_TRUE(decode(parameter("own", "double_param: 1")));
  EXPECT_EQ(
      refusal(parameter("sequence_id", "bool_param: true")),
      "invalid value type for 'sequence_id' parameter, expected int64_param or string_param.");
  EXPECT_EQ(refusal(parameter("sequence_start", "int64_param: 1")),
            "invalid value type for 'sequence_start' parameter, expected bool_param.");
  EXPECT_EQ(refusal(parameter("priority", "string_param: '1'")),
            "invalid value type for 'priority' parameter, expected int64_param or uint64_param.");
  EXPECT_EQ(refusal(parameter("priority", "int64_param: -1")),
            "invalid value for 'priority', expected value >= 0.");
  EXPECT_EQ(refusal(parameter("timeout", "uint64_param: 1")),
            "invalid value type for 'timeout' parameter, expected int64_param.");
  EXPECT_EQ(refusal(parameter("own", "uint64_param: 1")),
            "invalid value type for 'own' parameter, expected int64_param, bool_param, or "
            "string_param.");
  EXPECT_EQ(refusal(parameter("triton_x", "bool_param: true")),
            "parameter keys starting with 'triton_' are reserved for Triton usage. Only the "
            "following keys starting with 'triton_' are allowed: "
            "triton_enable_empty_final_response");
}

TEST(GrpcInferRequest, SharedMemoryParametersBelongTogether) {
  const auto output = [](const std::string& parameters) {
    return "outputs { name: 'Y' " + parameters + " }";
  };
  EXPECT_EQ(refusal(output(parameter("shared_memory_region", "string_param: 'r'"))),
            "'shared_memory_byte_size' must be specified along with 'shared_memory_region' "
            "parameter for tensor 'Y'");
  EXPECT_EQ(refusal(output(parameter("shared_memory_offset", "int64_param: 1"))),
            "'shared_memory_offset' can not be specified without 'shared_memory_region' parameter "
            "for tensor 'Y'");
  EXPECT_EQ(refusal(output(parameter("shared_memory_region", "int64_param: 1"))),
            "invalid value type for 'shared_memory_region' parameter for tensor 'Y', expected "
            "string_param.");
}

TEST(GrpcInferRequest, TensorsMayLieInARegion) {
  SharedMemoryRegistry memory(true);
  const ClientMemory client(64);
  ASSERT_TRUE(memory.register_region({.name = "r", .key = client.key(), .byte_size = 64}));
  const auto region = [](const char* name, int offset, int size) {
    return parameter("shared_memory_region", std::string("string_param: '") + name + "'") +
           parameter("shared_memory_offset", "int64_param: " + std::to_string(offset)) +
           parameter("shared_memory_byte_size", "int64_param: " + std::to_string(size));
  };
  const auto ask = [&](const std::string& input, const std::string& output) {
    return decode_infer(
        message("inputs { name: 'A' datatype: 'FP32' shape: [1] } "
                "inputs { name: 'X' datatype: 'INT32' shape: [1, 2] " +
                input + " } outputs { name: 'Y' " + output + " } raw_input_contents: '1234'"),
        std::nullopt, memory);
  };
  const auto request = ask(region("r", 8, 8), region("r", 16, 4));
  ASSERT_TRUE(request) << request.error().message;
  ASSERT_EQ(request->shared_inputs.size(), 1U);
  EXPECT_EQ(request->shared_inputs[0].index, 1U);
  EXPECT_EQ(request->shared_inputs[0].slice.offset, 8U);
  EXPECT_EQ(request->inputs[1].tensor.shape(), (Shape{1, 2}));
  ASSERT_EQ(request->shared_outputs.size(), 1U);
  EXPECT_EQ(request->shared_outputs[0].output, "Y");
  EXPECT_EQ(request->shared_outputs[0].slice.byte_size, 4U);

  EXPECT_EQ(ask(region("none", 0, 8), "").error(),
            (Error{ErrorCode::NotFound, "Unable to find shared memory region: 'none'"}));
  EXPECT_EQ(ask(region("r", -1, 8), "").error().message,
            "Invalid offset for shared memory region: 'r'");
  EXPECT_EQ(ask(region("r", 0, 8), region("r", 60, 8)).error().message,
            "Invalid offset + byte size for shared memory region: 'r'");
}

TEST(GrpcInferRequest, AnOutputCanBeAskedForAsItsClasses) {
  const auto request =
      decode("outputs { name: 'Y' " + parameter("classification", "int64_param: 3") + " }");
  ASSERT_TRUE(request) << request.error().message;
  ASSERT_EQ(request->classifications.size(), 1U);
  EXPECT_EQ(request->classifications[0].output, "Y");
  EXPECT_EQ(request->classifications[0].count, 3U);
}

TEST(GrpcInferRequest, ClassificationTakesANumber) {
  const auto output = [](const std::string& value) {
    return "outputs { name: 'Y' " + parameter("classification", value) + " }";
  };
  EXPECT_EQ(refusal(output("string_param: '1'")),
            "invalid value type for 'classification' parameter, expected int64_param");
  EXPECT_EQ(refusal(output("int64_param: 0")),
            "invalid value for 'classification' parameter, expected >= 0");
  EXPECT_EQ(refusal("outputs { name: 'Y' " + parameter("classification", "int64_param: 1") +
                    parameter("shared_memory_region", "string_param: 'r'") +
                    parameter("shared_memory_byte_size", "int64_param: 4") + " }"),
            "output can't set both 'shared_memory_region' and 'classification'");
}

TEST(GrpcInferRequest, AnOutputAskedForTwiceIsAnsweredOnce) {
  EXPECT_THAT(decode("outputs { name: 'Y' } outputs { name: 'Z' } outputs { name: 'Y' }")->outputs,
              ElementsAre("Y", "Z"));
}

TEST(GrpcInferRequest, TheAnswerDescribesItsOutputs) {
  const float numbers[] = {1, 2};
  InferResponse response{.model = "m", .version = 3, .id = "r"};
  response.outputs.push_back({"Y", Tensor::from<float>(DType::Fp32, {1, 2}, numbers)});
  EXPECT_EQ(encode_infer(response).ShortDebugString(),
            "model_name: \"m\" model_version: \"3\" id: \"r\" outputs { name: \"Y\" datatype: "
            "\"FP32\" shape: 1 shape: 2 }");
}

}  // namespace
}  // namespace neso::grpc_api
