// SPDX-License-Identifier: Apache-2.0
#include "engine/onnx/ort_error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace neso {
namespace {

TEST(OrtError, DropsSourceLocationAndSignature) {
  EXPECT_EQ(clean_ort_message(
                "Non-zero status code returned while running Reshape node. Name:'/a/Reshape' "
                "Status Message: "
                "/onnxruntime_src/onnxruntime/core/providers/cpu/tensor/reshape_helper.h:91 "
                "onnxruntime::ReshapeHelper::ReshapeHelper(const onnxruntime::TensorShape&, "
                "TensorShapeVector&, bool) "
                "a == b was false. Input shape:{3}, requested shape:{2,2}\n"),
            "Non-zero status code returned while running Reshape node. Name:'/a/Reshape' Status "
            "Message: a == b was "
            "false. Input shape:{3}, requested shape:{2,2}");
}

TEST(OrtError, DropsTemplateArgumentsOfASignature) {
  EXPECT_EQ(
      clean_ort_message(
          "at /src/op.cc:7 onnxruntime::Status onnxruntime::Op<T>::Compute(Context*) const [with T "
          "= float] broke"),
      "at broke");
}

TEST(OrtError, KeepsTextThatOnlyLooksLikeASignature) {
  EXPECT_EQ(clean_ort_message("graph.cc:128 MergeShapeInfo failed (see above)"),
            "MergeShapeInfo failed (see above)");
  EXPECT_EQ(clean_ort_message("x.cc:1 a::b(unbalanced"), "a::b(unbalanced");
}

TEST(OrtError, KeepsTheNameOfAFileAndNotItsFolders) {
  EXPECT_EQ(clean_ort_message(
                "Load model from /models/a/1/model.onnx failed: \"/x/y/weights.bin\" is absent"),
            "Load model from model.onnx failed: \"weights.bin\" is absent");
}

TEST(OrtError, KeepsNamesOfNodes) {
  const std::string text = "Name:'/encoder/layer.0/MatMul' and /encoder/layer.11/Add_1 differ";
  EXPECT_EQ(clean_ort_message(text), text);
}

TEST(OrtError, TakesLongAndEmptyText) {
  EXPECT_EQ(clean_ort_message(""), "");
  EXPECT_EQ(clean_ort_message(" \n "), "");
  const std::string longest(1'000'000, '/');
  EXPECT_EQ(clean_ort_message(longest), longest);
}

TEST(OrtError, TellsWhichNodeTheInputsDoNotFit) {
  EXPECT_EQ(
      refused_inputs("Non-zero status code returned while running Gather node. "
                     "Name:'/embeddings/Gather' Status Message: indices element out of data "
                     "bounds, idx=9 must be within the inclusive range [-4,3]"),
      "the model's Gather node '/embeddings/Gather' cannot compute with these inputs: indices "
      "element out of data bounds, idx=9 must be within the inclusive range [-4,3]; check "
      "that ids lie within the model's vocabulary and that no input is longer than it takes");
}

TEST(OrtError, LeavesOutTheConditionThatDidNotHold) {
  const auto refused = refused_inputs(
      "Non-zero status code returned while running Add node. Name:'' Status Message: axis == 1 || "
      "axis == largest was false. Attempting to broadcast an axis. 512 by 513");
  ASSERT_TRUE(refused);
  EXPECT_THAT(*refused,
              testing::StartsWith("the model's Add node cannot compute with these "
                                  "inputs: Attempting to broadcast an axis. 512 by 513;"));
}

TEST(OrtError, BlamesNoInputForWantOfMemoryOrWithoutANode) {
  EXPECT_FALSE(refused_inputs(
      "Non-zero status code returned while running MatMul node. Name:'/m' Status Message: Failed "
      "to allocate memory for requested buffer of size 17179869184"));
  EXPECT_FALSE(refused_inputs(
      "Non-zero status code returned while running MatMul node. Name:'/m' Status Message: CUBLAS "
      "failure 13: CUBLAS_STATUS_EXECUTION_FAILED ; GPU=0"));
  EXPECT_FALSE(refused_inputs("Failed to load the model"));
  EXPECT_FALSE(refused_inputs("while running node. Name:'"));
  EXPECT_FALSE(refused_inputs(""));
}

TEST(OrtError, NoMemoryIsNoFaultOfTheRequest) {
  OrtApi api{};
  api.GetErrorCode = [](const OrtStatus*) noexcept { return ORT_RUNTIME_EXCEPTION; };
  api.GetErrorMessage = [](const OrtStatus*) noexcept { return "MatMul node: std::bad_alloc"; };
  api.ReleaseStatus = [](OrtStatus*) noexcept {};
  int status = 0;
  const auto failed = ort_check(api, reinterpret_cast<OrtStatus*>(&status));
  EXPECT_EQ(failed.error().code, ErrorCode::Overloaded);
  EXPECT_EQ(failed.error().message,
            "ONNX Runtime got no memory for this request; try again later (MatMul node: "
            "std::bad_alloc)");
  EXPECT_EQ(ort_check_load(api, reinterpret_cast<OrtStatus*>(&status)).error().code,
            ErrorCode::Overloaded);
}

}  // namespace
}  // namespace neso
