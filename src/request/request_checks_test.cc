// SPDX-License-Identifier: Apache-2.0
// Sentences and order of the core checks, as the real Triton answers them.
#include "request/request_checks.h"
#include "request/test_tensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

namespace neso {
namespace {

using ::testing::ElementsAre;

// Zeros; no data at all for shapes that would need a lot.
NamedTensor ints(std::string name, Shape shape) {
  const int64_t count = element_count(shape).value_or(0);
  std::vector<int32_t> values(count < 1000 ? static_cast<size_t>(count) : 0);
  return {std::move(name), Tensor::from<int32_t>(DType::Int32, std::move(shape), values)};
}

RequestRules simple() {
  return {
      .model = "simple",
      .max_batch_size = 8,
      .inputs = {declared("INPUT0", DType::Int32, {16}), declared("INPUT1", DType::Int32, {16})},
      .outputs = {"OUTPUT0", "OUTPUT1"}};
}

RequestRules one(DType dtype, Shape dims, int64_t max_batch_size = 8) {
  return {.model = "m",
          .max_batch_size = max_batch_size,
          .inputs = {declared("X", dtype, std::move(dims))},
          .outputs = {"Y"}};
}

std::string input_error(const RequestRules& rules, std::vector<NamedTensor> inputs) {
  InferRequest request;
  request.inputs = std::move(inputs);
  const auto result = check_inputs(rules, request);
  return result ? "accepted" : result.error().message;
}

NamedTensor wire(const std::string& bytes, Shape shape) {
  const auto* data = reinterpret_cast<const std::byte*>(bytes.data());
  return {"X", Tensor(DType::Bytes, std::move(shape), {data, data + bytes.size()})};
}

TEST(RequestChecks, AcceptsAGoodRequestAndAnswersItsBatchSize) {
  InferRequest request;
  request.inputs = {ints("INPUT1", {3, 16}), ints("INPUT0", {3, 16})};
  EXPECT_EQ(check_inputs(simple(), request).value(), 3);
}

TEST(RequestChecks, CountsInputs) {
  EXPECT_EQ(
      input_error(simple(), {ints("INPUT0", {1, 16})}),
      "[request id: <id_unknown>] expected 2 inputs but got 1 inputs for model 'simple'. Got "
      "input(s) ['INPUT0'], but missing required input(s) ['INPUT1']. Please provide all required "
      "input(s).");
  EXPECT_EQ(input_error(simple(), {}),
            "[request id: <id_unknown>] expected 2 inputs but got 0 inputs for model 'simple'. Got "
            "input(s) [], but missing required input(s) ['INPUT0','INPUT1']. Please provide all "
            "required input(s).");
  EXPECT_EQ(
      input_error(simple(),
                  {ints("INPUT0", {1, 16}), ints("INPUT1", {1, 16}), ints("INPUT2", {1, 16})}),
      "[request id: <id_unknown>] expected 2 inputs but got 3 inputs for model 'simple'. Got "
      "input(s) ['INPUT2','INPUT1','INPUT0'], but missing required input(s) ]. Please provide all "
      "required input(s).");
}

TEST(RequestChecks, NamesTheRangeWhenInputsAreOptional) {
  RequestRules rules = simple();
  rules.inputs[1].optional = true;
  EXPECT_EQ(
      input_error(rules, {}),
      "[request id: <id_unknown>] expected number of inputs between 1 and 2 but got 0 inputs for "
      "model 'simple'. Got input(s) [], but missing required input(s) ['INPUT0']. Please provide "
      "all required input(s).");
  EXPECT_EQ(input_error(rules, {ints("INPUT0", {1, 16})}), "accepted");
}

TEST(RequestChecks, RefusesAnUnknownNameWithoutThePrefix) {
  EXPECT_EQ(input_error(simple(), {ints("INPUT0", {1, 16}), ints("INPUT2", {1, 16})}),
            "unexpected inference input 'INPUT2' for model 'simple'");
}

TEST(RequestChecks, ChecksTheBatchDimension) {
  EXPECT_EQ(input_error(simple(), {ints("INPUT0", {1, 16}), ints("INPUT1", {2, 16})}),
            "[request id: <id_unknown>] input 'INPUT0' batch size does not match other inputs for "
            "'simple'");
  EXPECT_EQ(input_error(simple(), {ints("INPUT0", {9, 16}), ints("INPUT1", {9, 16})}),
            "[request id: <id_unknown>] inference request batch-size must be <= 8 for 'simple'");
  EXPECT_EQ(
      input_error(one(DType::Int32, {1}), {ints("X", {})}),
      "[request id: <id_unknown>] input 'X' has no shape but model requires batch dimension for "
      "'m'");
  EXPECT_EQ(input_error(one(DType::Int32, {1}), {ints("X", {-1, 1})}),
            "[request id: <id_unknown>] inference request batch-size must be <= 8 for 'm'");
}

TEST(RequestChecks, ChecksTypeThenShape) {
  EXPECT_EQ(
      input_error(one(DType::Fp32, {16}), {ints("X", {1, 8})}),
      "[request id: <id_unknown>] inference input 'X' data-type is 'INT32', but model 'm' expects "
      "'FP32'");
  EXPECT_EQ(
      input_error(one(DType::Int32, {16}), {ints("X", {1, 8})}),
      "[request id: <id_unknown>] unexpected shape for input 'X' for model 'm'. Expected [-1,16], "
      "got [1,8]. NOTE: Setting a non-zero max_batch_size in the model config requires a batch "
      "dimension to be prepended to each input shape. If you want to specify the full shape "
      "including the batch dim in your input dims config, try setting max_batch_size to zero. See "
      "the model configuration docs for more info on max_batch_size.");
  EXPECT_EQ(
      input_error(one(DType::Int32, {-1, 2}, 0), {ints("X", {1, 1, 2})}),
      "[request id: <id_unknown>] unexpected shape for input 'X' for model 'm'. Expected [-1,2], "
      "got [1,1,2]. ");
  EXPECT_EQ(input_error(one(DType::Int32, {-1}), {ints("X", {1, -1})}),
            "[request id: <id_unknown>] All input dimensions should be specified for input 'X' for "
            "model 'm', got [1,-1]");
}

TEST(RequestChecks, ChecksTheByteSize) {
  NamedTensor cut = ints("X", {1, 2});
  cut.tensor = Tensor(DType::Int32, {1, 3},
                      std::vector<std::byte>(cut.tensor.bytes().begin(), cut.tensor.bytes().end()));
  EXPECT_EQ(
      input_error(one(DType::Int32, {-1}), {cut}),
      "[request id: <id_unknown>] input byte size mismatch for input 'X' for model 'm'. Expected "
      "12, got 8");
  EXPECT_EQ(
      input_error(one(DType::Int32, {16}), {ints("X", {0, 16})}),
      "[request id: <id_unknown>] input byte size mismatch for input 'X' for model 'm'. Expected "
      "64, got 0");
  EXPECT_EQ(input_error(one(DType::Int32, {-1}), {ints("X", {1, 0})}), "accepted");
}

TEST(RequestChecks, RefusesSizesThatOverflow) {
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(
      input_error(one(DType::Int32, {-1, -1}, 0), {ints("X", {kMax, 2})}),
      "invalid shape for input 'X': shape [9223372036854775807,2] causes total element count to "
      "exceed maximum size of 9223372036854775807");
  EXPECT_EQ(
      input_error(one(DType::Int32, {-1}, 0), {ints("X", {kMax / 2})}),
      "invalid shape for input 'X': shape [4611686018427387903] causes total element count to "
      "exceed maximum size of 9223372036854775807");
  EXPECT_EQ(input_error(one(DType::Int32, {-1}, 0), {ints("X", {-7})}),
            "invalid shape for input 'X': shape [-7] contains one or more invalid dimensions");
}

TEST(RequestChecks, ChecksTextElements) {
  const RequestRules rules = one(DType::Bytes, {-1});
  const std::string ab("\2\0\0\0ab", 6);
  EXPECT_EQ(input_error(rules, {wire(ab, {1, 1})}), "accepted");
  EXPECT_EQ(
      input_error(rules, {wire(ab + ab, {1, 1})}),
      "[request id: <id_unknown>] unexpected number of string elements 2 for inference input 'X' "
      "for model 'm', expecting 1");
  EXPECT_EQ(
      input_error(rules, {wire(ab, {1, 2})}),
      "[request id: <id_unknown>] expected 2 string elements for inference input 'X' for model "
      "'m', got 1");
  EXPECT_EQ(
      input_error(rules, {wire(ab + std::string("\1\0\0", 3), {1, 2})}),
      "[request id: <id_unknown>] incomplete string length indicator for inference input 'X' for "
      "model 'm', expecting 4 bytes but only 3 bytes available. Please make sure the string "
      "length indicator is in one buffer.");
  EXPECT_EQ(
      input_error(rules, {wire(std::string("\xff\xff\xff\xff", 4) + "ab", {1, 1})}),
      "incomplete string data for inference input 'X', expecting string of length 4294967295 but "
      "only 2 bytes available");
}

TEST(RequestChecks, RefusesAnInputTwice) {
  InferRequest request;
  request.id = "my id";
  request.inputs = {ints("INPUT0", {1, 16}), ints("INPUT0", {1, 16})};
  EXPECT_EQ(check_duplicates(request).error().message,
            "[request id: my id] input 'INPUT0' already exists in request");
}

TEST(RequestChecks, SelectsOutputsInTheConfigsOrderAndOnce) {
  InferRequest request;
  EXPECT_THAT(check_outputs(simple(), request).value(), ElementsAre("OUTPUT0", "OUTPUT1"));
  request.outputs = {"OUTPUT1", "OUTPUT0", "OUTPUT1"};
  EXPECT_THAT(check_outputs(simple(), request).value(), ElementsAre("OUTPUT0", "OUTPUT1"));
  request.outputs = {"nope"};
  EXPECT_EQ(check_outputs(simple(), request).error().message,
            "unexpected inference output 'nope' for model 'simple'");
}

TEST(RequestChecks, ExchangesDimsForTheReshape) {
  ModelTensor tensor = declared("X", DType::Int32, {-1, 4, -1});
  tensor.reshape = Shape{-1, 2, 2, -1};
  EXPECT_THAT(graph_shape(tensor, {3, 5, 4, 7}, true), ElementsAre(3, 5, 2, 2, 7));
  EXPECT_THAT(client_shape(tensor, {3, 5, 2, 2, 7}, true), ElementsAre(3, 5, 4, 7));
  tensor.dims = {1};
  tensor.reshape = Shape{};
  EXPECT_THAT(graph_shape(tensor, {3, 1}, true), ElementsAre(3));
  EXPECT_THAT(client_shape(tensor, {3}, true), ElementsAre(3, 1));
  tensor.reshape.reset();
  EXPECT_THAT(graph_shape(tensor, {3, 1}, true), ElementsAre(3, 1));
}

}  // namespace
}  // namespace neso
