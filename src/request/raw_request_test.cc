// SPDX-License-Identifier: Apache-2.0
#include "request/raw_request.h"

#include <gtest/gtest.h>

namespace neso {
namespace {

class RawRequest : public ::testing::Test {
 protected:
  RawRequest() {
    config_.name = "m";
    config_.max_batch_size = 4;
  }
  void input(DType dtype, Shape dims) {
    config_.inputs.push_back({.name = "x", .dtype = dtype, .dims = std::move(dims)});
  }
  // What the bytes become, or why not.
  Result<NamedTensor> described(std::string_view content) {
    std::vector<std::byte> bytes(content.size());
    std::memcpy(bytes.data(), content.data(), content.size());
    InferRequest request{.model = "m"};
    request.raw = true;
    request.inputs.push_back({"", Tensor(DType::Uint8, {}, std::move(bytes))});
    NESO_TRY_VOID(describe_raw_input(config_, request));
    return request.inputs.front();
  }
  std::string refusal(std::string_view content) {
    const auto tensor = described(content);
    return tensor ? "accepted" : tensor.error().message;
  }

  ModelConfig config_;
};

TEST_F(RawRequest, TheVariableDimensionTakesWhatTheBytesLeave) {
  input(DType::Int16, {-1, 2});
  const auto tensor = described("12345678");
  ASSERT_TRUE(tensor);
  EXPECT_EQ(tensor->name, "x");
  EXPECT_EQ(tensor->tensor.dtype(), DType::Int16);
  EXPECT_EQ(tensor->tensor.shape(), (Shape{1, 2, 2}));
}

TEST_F(RawRequest, WithoutBatchingThereIsNoBatchDimension) {
  config_.max_batch_size = 0;
  input(DType::Fp32, {1});
  EXPECT_EQ(described("1234")->tensor.shape(), (Shape{1}));
}

TEST_F(RawRequest, ASizeThatDoesNotFitIsNamed) {
  input(DType::Fp32, {3});
  EXPECT_EQ(refusal("12345"),
            "[request id: <id_unknown>] input byte size mismatch for input 'raw_input' for model "
            "'m'. Expected 12, got 5");
}

TEST_F(RawRequest, AStringIsTheWholeBody) {
  input(DType::Bytes, {1});
  const auto tensor = described("hello");
  ASSERT_TRUE(tensor);
  EXPECT_EQ(tensor->tensor.shape(), (Shape{1, 1}));
  EXPECT_EQ(bytes_elements(tensor->tensor.bytes()).value().front(), "hello");
}

TEST_F(RawRequest, StringsOfAnyOtherShapeCannotBeTold) {
  input(DType::Bytes, {-1});
  EXPECT_EQ(refusal("hello"),
            "[request id: <id_unknown>] For BYTE datatype raw input 'x', the model must have input "
            "shape [1]");
}

TEST_F(RawRequest, TwoVariableDimensionsCannotBeTold) {
  input(DType::Fp32, {-1, -1});
  EXPECT_EQ(refusal("12345678"),
            "[request id: <id_unknown>] The shape of the raw input 'x' can not be deduced because "
            "there are more than one variable-sized dimension");
}

TEST_F(RawRequest, TheModelHasOneInput) {
  input(DType::Fp32, {1});
  input(DType::Fp32, {1});
  EXPECT_EQ(refusal("1234"),
            "[request id: <id_unknown>] Raw request must only have 1 input (found 1) to be deduced "
            "but got 2 inputs in 'm' model configuration");
}

}  // namespace
}  // namespace neso
