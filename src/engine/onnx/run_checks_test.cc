// SPDX-License-Identifier: Apache-2.0
#include "engine/onnx/run_checks.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>

namespace neso {
namespace {

const std::vector<TensorSpec> kDeclared = {{"A", DType::Int32, {-1, 2}}, {"S", DType::Bytes, {-1}}};

Tensor numbers(Shape shape, size_t bytes) {
  return Tensor(DType::Int32, std::move(shape), std::vector<std::byte>(bytes));
}
NamedTensor strings(Shape shape, std::vector<std::string> elements) {
  return {"S", Tensor::from_strings(std::move(shape), elements)};
}

std::string error_of(std::vector<NamedTensor> inputs) {
  const auto result = check_inputs(kDeclared, inputs);
  if (result) return "";
  EXPECT_EQ(result.error().code, ErrorCode::InvalidArgument);
  return result.error().message;
}

TEST(RunChecks, AcceptsInputsInAnyOrder) {
  EXPECT_EQ(error_of({strings({1}, {"x"}), {"A", numbers({3, 2}, 24)}}), "");
  EXPECT_EQ(error_of({{"A", numbers({0, 2}, 0)}, strings({0}, {})}), "");
}

TEST(RunChecks, NamesAnUnknownInputAndTheKnownOnes) {
  EXPECT_EQ(error_of({{"B", numbers({1, 2}, 8)}}), "the model has no input 'B'; it takes A, S");
}

TEST(RunChecks, NamesAMissingAndARepeatedInput) {
  EXPECT_EQ(error_of({{"A", numbers({1, 2}, 8)}}), "input 'S' is missing; the model takes A, S");
  EXPECT_EQ(error_of({{"A", numbers({1, 2}, 8)}, {"A", numbers({1, 2}, 8)}}),
            "input 'A' is given twice");
}

TEST(RunChecks, RefusesAnotherTypeRankOrFixedSize) {
  EXPECT_EQ(error_of({{"A", Tensor(DType::Fp32, {1, 2}, std::vector<std::byte>(8))}}),
            "input 'A' is FP32, but the model takes INT32");
  EXPECT_EQ(error_of({{"A", numbers({2}, 8)}}),
            "input 'A' has shape [2], but the model takes [-1,2]");
  EXPECT_EQ(error_of({{"A", numbers({1, 3}, 12)}}),
            "input 'A' has shape [1,3], but the model takes [-1,2]");
}

TEST(RunChecks, RefusesBytesThatDoNotFillTheShape) {
  EXPECT_EQ(error_of({{"A", numbers({2, 2}, 12)}}),
            "input 'A' holds 12 bytes, but shape [2,2] of INT32 needs 16");
  EXPECT_EQ(error_of({strings({2}, {"one"})}),
            "input 'S' holds 1 strings, but its shape [2] needs 2");
  const std::array<uint8_t, 5> cut = {9, 0, 0, 0, 'x'};
  EXPECT_NE(error_of({{"S", Tensor::from(DType::Bytes, {1}, std::span<const uint8_t>(cut))}})
                .find("input 'S': "),
            std::string::npos);
}

TEST(RunChecks, RefusesNegativeAndUncountableShapes) {
  EXPECT_NE(error_of({{"A", numbers({-1, 2}, 8)}}).find("negative or too large"),
            std::string::npos);
  EXPECT_NE(error_of({{"A", numbers({INT64_MAX, 2}, 8)}}).find("negative or too large"),
            std::string::npos);
  // Countable elements, uncountable bytes.
  EXPECT_NE(error_of({{"A", numbers({INT64_MAX / 4, 2}, 8)}}).find("more than can be counted"),
            std::string::npos);
}

TEST(RunChecks, TakesAnyShapeWhereTheGraphDeclaresNone) {
  const std::vector<TensorSpec> scalar = {{"X", DType::Int32, {}}};
  EXPECT_TRUE(check_inputs(scalar, std::vector<NamedTensor>{{"X", numbers({2, 3}, 24)}}));
  EXPECT_FALSE(check_inputs(scalar, std::vector<NamedTensor>{{"X", numbers({2, 3}, 20)}}));
}

TEST(RunChecks, SelectsOutputs) {
  EXPECT_EQ(*select_outputs(kDeclared, {}), (std::vector<std::string>{"A", "S"}));
  EXPECT_EQ(*select_outputs(kDeclared, std::vector<std::string>{"S"}),
            (std::vector<std::string>{"S"}));
  EXPECT_EQ(select_outputs(kDeclared, std::vector<std::string>{"Z"}).error().message,
            "the model has no output 'Z'; it answers A, S");
  EXPECT_EQ(select_outputs(kDeclared, std::vector<std::string>{"S", "S"}).error().message,
            "output 'S' is asked for twice");
}

}  // namespace
}  // namespace neso
