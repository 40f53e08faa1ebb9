// SPDX-License-Identifier: Apache-2.0
#include "engine/onnx/ort_error.h"

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

}  // namespace
}  // namespace neso
