// SPDX-License-Identifier: Apache-2.0
#include "api/triton/infer_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>

#include "request/test_shared_memory.h"

namespace neso::triton {
namespace {

using ::testing::HasSubstr;

net::HttpRequest post(std::string body, net::Headers headers = {}) {
  net::HttpRequest request;
  request.method = "POST";
  request.body = std::move(body);
  request.headers = std::move(headers);
  return request;
}

Result<DecodedInfer> decode(std::string body, net::Headers headers = {}) {
  const net::HttpRequest request = post(std::move(body), std::move(headers));
  NESO_TRY(const BodyParts parts, split_body(request));
  return decode_infer("m", parts, 1 << 20, SharedMemoryRegistry(true));
}

net::Headers header_length(std::string value) {
  return {{"Inference-Header-Content-Length", std::move(value)}};
}

// A request of one INT64 input [1,2] whose data are `tail`.
Result<DecodedInfer> decode_binary(size_t declared, const std::string& tail) {
  const std::string json =
      R"({"inputs":[{"name":"x","shape":[1,2],"datatype":"INT64","parameters":{"binary_data_size":)" +
      std::to_string(declared) + "}}]}";
  return decode(json + tail, header_length(std::to_string(json.size())));
}

TEST(InferRequest, BinaryTensorsLieBehindTheJson) {
  const int64_t ids[] = {101, -7};
  auto decoded = decode_binary(16, std::string(reinterpret_cast<const char*>(ids), sizeof ids));
  ASSERT_TRUE(decoded.has_value()) << decoded.error().message;
  const Tensor& tensor = decoded->request.inputs.at(0).tensor;
  EXPECT_EQ(tensor.shape(), (Shape{1, 2}));
  EXPECT_EQ(tensor.as<int64_t>()[1], -7);
}

TEST(InferRequest, BinarySizesThatDoNotFitTheTailAreRefused) {
  EXPECT_EQ(decode_binary(16, "1234").error().message,
            "unexpected size for input 'x', expecting 12 additional bytes for model 'm'");
  EXPECT_EQ(decode_binary(2, "1234").error().message,
            "unexpected additional input data for model 'm'");
  EXPECT_FALSE(decode_binary(std::numeric_limits<size_t>::max(), "1234"));
}

TEST(InferRequest, TheHeadersLengthMustBeANumberWithinTheBody) {
  for (const char* value : {"-1", "3", "18446744073709551616"}) {
    EXPECT_THAT(decode("{}", header_length(value)).error().message,
                HasSubstr("should be in range (0, 2), got: "))
        << value;
  }
  for (const char* value : {"", "1e3", "0x1", "abc", " 2"}) {
    EXPECT_THAT(decode("{}", header_length(value)).error().message,
                HasSubstr("Unable to parse Inference-Header-Content-Length, got: "))
        << value;
  }
  net::Headers twice = header_length("2");
  twice.emplace_back("inference-header-content-length", "2");
  EXPECT_THAT(decode("{}", twice).error().message, HasSubstr("sent 2 times"));
}

TEST(InferRequest, AnInputHasExactlyOneSourceOfData) {
  EXPECT_THAT(decode(R"({"inputs":[{"name":"x","shape":[1],"datatype":"INT64"}]})").error().message,
              HasSubstr("But no field is set"));
  EXPECT_THAT(
      decode(
          R"({"inputs":[{"name":"x","shape":[1],"datatype":"INT64","data":[1],"parameters":{"binary_data_size":8}}]})")
          .error()
          .message,
      HasSubstr("But set 'data' 'binary_data_size'"));
}

TEST(InferRequest, CountsAreComparedWithTheShape) {
  EXPECT_EQ(decode(R"({"inputs":[{"name":"x","shape":[1,16],"datatype":"INT32","data":[1,2,3]}]})")
                .error()
                .message,
            "input 'x' has 3 values in 'data', but its shape [1,16] takes 16");
  EXPECT_FALSE(decode(
      R"({"inputs":[{"name":"x","shape":[1,1000000000],"datatype":"INT32","data":[1,2,3]}]})"));
  EXPECT_THAT(
      decode(
          R"({"inputs":[{"name":"x","shape":[9223372036854775807,2],"datatype":"INT32","data":[1]}]})")
          .error()
          .message,
      HasSubstr("exceed maximum size"));
}

TEST(InferRequest, HalvesTravelInBinaryOnly) {
  EXPECT_EQ(decode(R"({"inputs":[{"name":"x","shape":[1],"datatype":"FP16","data":[1]}]})")
                .error()
                .message,
            "receiving FP16 data via JSON is not supported. Please use the binary data format for "
            "input x");
  const std::vector<uint16_t> half = {1};
  const InferResponse response{.model = "m",
                               .version = 1,
                               .id = "",
                               .outputs = {{"y", Tensor::from<uint16_t>(DType::Bf16, {1}, half)}}};
  EXPECT_THAT(encode_infer(response, {}).error().message,
              HasSubstr("sending BF16 data via JSON is not supported"));
}

TEST(InferRequest, MissingMembersAndWordsAreNamed) {
  EXPECT_THAT(decode("{}").error().message, HasSubstr("'inputs'"));
  EXPECT_THAT(decode(R"({"inputs":[{"shape":[1]}]})").error().message, HasSubstr("'name'"));
  EXPECT_THAT(decode(R"({"inputs":[{"name":"x"}]})").error().message, HasSubstr("'shape'"));
  EXPECT_THAT(decode(R"({"inputs":[{"name":"x","shape":[1],"data":[1]}]})").error().message,
              HasSubstr("'datatype'"));
  EXPECT_EQ(decode(R"({"inputs":[{"name":"x","shape":[1],"datatype":"INT31","data":[1]}]})")
                .error()
                .message,
            "invalid datatype for input x");
  EXPECT_THAT(decode(R"({"inputs":[],"outputs":[{}]})").error().message, HasSubstr("'name'"));
}

TEST(InferRequest, OfTwoOutputsOfOneNameTheFirstCounts) {
  const auto decoded = decode(
      R"({"inputs":[],"outputs":[{"name":"y","parameters":{"binary_data":true}},{"name":"x"},{"name":"y","parameters":{"classification":1}}]})");
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(decoded->request.outputs, (std::vector<std::string>{"y", "x"}));
  EXPECT_TRUE(decoded->formats.binary("y"));
}

TEST(InferRequest, WithoutJsonTheWholeBodyIsTheInput) {
  for (const auto& decoded :
       {decode("abc", header_length("0")), decode(""), decode("", header_length("0"))}) {
    ASSERT_TRUE(decoded) << decoded.error().message;
    EXPECT_TRUE(decoded->request.raw);
    EXPECT_EQ(decoded->request.inputs.size(), 1U);
    EXPECT_TRUE(decoded->formats.binary("anything"));
  }
  EXPECT_EQ(decode("abc", header_length("0"))->request.inputs[0].tensor.bytes().size(), 3U);
}

TEST(InferRequest, ClassificationNamesItsOutput) {
  const auto decoded = decode(
      R"({"inputs":[],"outputs":[{"name":"y","parameters":{"classification":3}},{"name":"x","parameters":{"classification":0}}]})");
  ASSERT_TRUE(decoded) << decoded.error().message;
  ASSERT_EQ(decoded->request.classifications.size(), 1U);
  EXPECT_EQ(decoded->request.classifications[0].output, "y");
  EXPECT_EQ(decoded->request.classifications[0].count, 3U);
}

TEST(InferRequest, AnswersInJsonUnlessBinaryIsAsked) {
  const std::vector<float> values = {0.1F, 2.0F};
  const InferResponse response{
      .model = "m",
      .version = 3,
      .id = "a\"b",
      .outputs = {{"y", Tensor::from<float>(DType::Fp32, {1, 2}, values)}}};
  auto json = encode_infer(response, {});
  ASSERT_TRUE(json.has_value());
  EXPECT_EQ(
      json->body,
      R"({"id":"a\"b","model_name":"m","model_version":"3","outputs":[{"name":"y","datatype":"FP32","shape":[1,2],"data":[0.1,2.0]}]})");
  EXPECT_EQ(json->content_type, "application/json");

  auto binary = encode_infer(response, {.named = {{"y", true}}});
  ASSERT_TRUE(binary.has_value());
  EXPECT_EQ(binary->content_type, "application/octet-stream");
  const size_t size = std::stoul(binary->headers.at(0).second);
  EXPECT_THAT(binary->body.substr(0, size), HasSubstr(R"("parameters":{"binary_data_size":8}})"));
  EXPECT_EQ(std::memcmp(binary->body.data() + size, values.data(), 8), 0);
  EXPECT_EQ(encode_infer(response, {.binary_default = true})->content_type,
            "application/octet-stream");
}

// A request of one input of that many floats, placed as the server does.
net::HttpRequest post_floats(size_t count, size_t shift) {
  const std::string json = fmt::format(
      R"({{"inputs":[{{"name":"x","shape":[{0}],"datatype":"FP32","parameters":{{"binary_data_size":{1}}}}}]}})",
      count, count * sizeof(float));
  net::HttpRequest request;
  request.headers = header_length(std::to_string(json.size()));
  request.body.align_at(json.size() + shift);
  request.body.append(json, json.size() + count * sizeof(float));
  request.body.append(std::string(count * sizeof(float), '\1'),
                      json.size() + count * sizeof(float));
  return request;
}

TEST(InferRequest, LargeBinaryInputsStayInTheBody) {
  const SharedMemoryRegistry memory(true);
  const auto is_in_place = [&](const net::HttpRequest& request) {
    const auto parts = split_body(request);
    const auto decoded = decode_infer("m", *parts, 1 << 20, memory);
    EXPECT_TRUE(decoded) << decoded.error().message;
    const auto bytes = decoded->request.inputs.at(0).tensor.bytes();
    EXPECT_EQ(bytes.size(), parts->tail.size());
    EXPECT_EQ(std::memcmp(bytes.data(), parts->tail.data(), bytes.size()), 0);
    return static_cast<const void*>(bytes.data()) == parts->tail.data();
  };
  EXPECT_TRUE(is_in_place(post_floats(10000, 0)));
  EXPECT_FALSE(is_in_place(post_floats(10000, 1))) << "not aligned";
  EXPECT_FALSE(is_in_place(post_floats(10, 0))) << "small";
}

TEST(InferRequest, ABodyIsNotKeptForASmallPartOfIt) {
  const size_t large = 20001;  // so that what follows is not aligned
  const std::string json = fmt::format(
      R"({{"inputs":[{{"name":"a","shape":[{0}],"datatype":"INT8","parameters":{{"binary_data_size":{0}}}}},)"
      R"({{"name":"b","shape":[100000],"datatype":"FP32","parameters":{{"binary_data_size":400000}}}}]}})",
      large);
  net::HttpRequest request;
  request.headers = header_length(std::to_string(json.size()));
  request.body.align_at(json.size());
  request.body.append(json + std::string(large + 400000, '\1'), 1 << 20);
  const std::weak_ptr<const void> body = request.body.owner();
  const auto decoded = decode_infer("m", *split_body(request), 1 << 20, SharedMemoryRegistry(true));
  ASSERT_TRUE(decoded) << decoded.error().message;
  request.body = {};
  EXPECT_TRUE(body.expired());
  EXPECT_EQ(decoded->request.inputs.at(1).tensor.as<uint32_t>()[99999], 0x01010101U);
}

TEST(InferRequest, ALargeRawInputStaysInTheBody) {
  net::HttpRequest request;
  request.headers = header_length("0");
  request.body.append(std::string(40000, '\1'), 40000);
  const auto decoded = decode_infer("m", *split_body(request), 1 << 20, SharedMemoryRegistry(true));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(static_cast<const void*>(decoded->request.inputs.at(0).tensor.bytes().data()),
            request.body.view().data());
}

TEST(InferRequest, AnInputOutlivesTheBodyThatItStaysIn) {
  auto request = std::make_unique<net::HttpRequest>(post_floats(10000, 0));
  const auto decoded =
      decode_infer("m", *split_body(*request), 1 << 20, SharedMemoryRegistry(true));
  request = nullptr;
  for (const uint32_t element : decoded->request.inputs.at(0).tensor.as<uint32_t>())
    ASSERT_EQ(element, 0x01010101U);
}

TEST(InferRequest, LargeBinaryOutputsAreSentFromWhereTheyAre) {
  const std::vector<float> large(10000, 1.5F);
  const std::vector<float> small(10, 2.5F);
  InferResponse response{.model = "m", .version = 1};
  for (const auto* values : {&small, &large, &small}) {
    response.outputs.push_back({fmt::format("y{}", response.outputs.size()),
                                Tensor::from<float>(DType::Fp32, {1}, *values)});
  }
  auto answer = encode_infer(response, {.binary_default = true});
  ASSERT_TRUE(answer);
  ASSERT_EQ(answer->tail.size(), 2U);  // the last is behind the large one
  EXPECT_EQ(static_cast<const void*>(answer->tail[0].bytes.data()),
            response.outputs[1].tensor.bytes().data());
  response.outputs.clear();
  const size_t json = std::stoul(answer->headers.at(0).second);
  const std::string body = std::move(*answer).joined_body();
  ASSERT_EQ(body.size(), json + 4 * (10 + 10000 + 10));
  EXPECT_EQ(std::memcmp(body.data() + json, small.data(), 40), 0);
  EXPECT_EQ(std::memcmp(body.data() + json + 40, large.data(), 40000), 0);
  EXPECT_EQ(std::memcmp(body.data() + json + 40040, small.data(), 40), 0);
}

class InferRequestSharedMemory : public ::testing::Test {
 protected:
  InferRequestSharedMemory() {
    EXPECT_TRUE(registry_.register_region({"r", memory_.key(), 0, 256}));
  }
  Result<DecodedInfer> decode_shared(const std::string& input, const std::string& output) {
    const net::HttpRequest request = post(fmt::format(
        R"({{"inputs":[{{"name":"x","shape":[1,2],"datatype":"INT64","parameters":{{{}}}}}],)"
        R"("outputs":[{{"name":"y","parameters":{{{}}}}}]}})",
        input, output));
    NESO_TRY(const BodyParts parts, split_body(request));
    return decode_infer("m", parts, 1 << 20, registry_);
  }
  std::string refusal(const std::string& input, const std::string& output) {
    const auto decoded = decode_shared(input, output);
    return decoded ? "decoded" : decoded.error().message;
  }

  const std::string at_64_ =
      R"("shared_memory_region":"r","shared_memory_offset":64,"shared_memory_byte_size":16)";
  ClientMemory memory_{256};
  SharedMemoryRegistry registry_{true};
};

TEST_F(InferRequestSharedMemory, InputsAndOutputsNameRangesOfRegions) {
  const auto decoded = decode_shared(at_64_, R"("shared_memory_byte_size":8,"binary_data":false,)"
                                             R"("shared_memory_region":"r")");
  ASSERT_TRUE(decoded) << decoded.error().message;
  const InferRequest& request = decoded->request;
  ASSERT_EQ(request.shared_inputs.size(), 1U);
  EXPECT_EQ(request.shared_inputs[0].slice.offset, 64U);
  EXPECT_EQ(request.shared_inputs[0].slice.byte_size, 16U);
  EXPECT_EQ(request.inputs[0].tensor.shape(), (Shape{1, 2}));
  ASSERT_EQ(request.shared_outputs.size(), 1U);
  EXPECT_EQ(request.shared_outputs[0].slice.byte_size, 8U);
  EXPECT_TRUE(decoded->formats.shared("y"));
  EXPECT_FALSE(decoded->formats.shared("z"));
}

TEST_F(InferRequestSharedMemory, AnOutputGoesToOnePlaceOnly) {
  EXPECT_EQ(refusal(at_64_, at_64_ + R"(,"classification":0)"),
            "Output can't set both 'shared_memory_region' and 'classification'");
  EXPECT_EQ(refusal(at_64_, at_64_ + R"(,"binary_data":true)"),
            "Output can't set both 'shared_memory_region' and 'binary_data'");
}

TEST_F(InferRequestSharedMemory, ParametersOfTheWrongKindAndWrongRangesAreRefused) {
  EXPECT_EQ(refusal(R"("shared_memory_region":7)", ""),
            "input 'x': parameter 'shared_memory_region' must be a string");
  EXPECT_EQ(refusal(R"("shared_memory_region":{"a":1})", ""),
            "parameter 'shared_memory_region' must not be an object or array");
  EXPECT_EQ(refusal(at_64_, R"("shared_memory_offset":-1)"),
            "an output: parameter 'shared_memory_offset' must be a whole number, 0 or more");
  EXPECT_EQ(refusal(R"("shared_memory_region":"r")", ""),
            "Invalid offset + byte size for shared memory region: 'r'");
  EXPECT_EQ(refusal(R"("shared_memory_region":"s","shared_memory_byte_size":8)", ""),
            "Unable to find shared memory region: 's'");
  EXPECT_THAT(refusal(R"("shared_memory_byte_size":8)", ""), HasSubstr("But no field is set"));
}

TEST_F(InferRequestSharedMemory, AnOutputInSharedMemoryIsAnsweredWithoutItsData) {
  const InferResponse response{
      .model = "m", .version = 1, .id = "", .outputs = {{"y", Tensor(DType::Fp16, {1, 2}, {})}}};
  OutputFormats formats{.binary_default = true, .named = {{"y", std::nullopt, true}}};
  EXPECT_EQ(encode_infer(response, formats)->body,
            R"({"model_name":"m","model_version":"1",)"
            R"("outputs":[{"name":"y","datatype":"FP16","shape":[1,2]}]})");
}

TEST(InferRequest, PriorityAndTimeoutGoToTheQueue) {
  const auto decoded = decode(R"({"parameters":{"priority":3,"timeout":4000},"inputs":[]})");
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(decoded->request.priority, 3U);
  EXPECT_EQ(decoded->request.timeout_us, 4000U);
}

}  // namespace
}  // namespace neso::triton
