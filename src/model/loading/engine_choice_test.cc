// SPDX-License-Identifier: Apache-2.0
// The table of engine_choice.h, row by row.
#include "model/loading/engine_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace neso {
namespace {

using ::testing::HasSubstr;

struct Row {
  const char* backend;
  const char* wish;
  bool weights;
  bool onnx;
  const char* expected;  // "cpu", "onnx", or a part of the refusal
};

class EngineChoiceTest : public ::testing::TestWithParam<Row> {};

TEST_P(EngineChoiceTest, FollowsTheTable) {
  const Row& row = GetParam();
  ModelConfig config;
  config.name = "m";
  config.backend = row.backend;
  if (*row.wish != '\0') config.parameters["engine"] = row.wish;
  const auto choice = choose_engine(config, {.has_weights = row.weights,
                                             .no_weights_reason = "",
                                             .has_onnx = row.onnx,
                                             .onnx_file = "1/model.onnx"});
  if (!choice) {
    EXPECT_THAT(choice.error().message, HasSubstr(row.expected));
    return;
  }
  EXPECT_STREQ(choice->kind == EngineKind::Cpu ? "cpu" : "onnx", row.expected);
  EXPECT_FALSE(choice->reason.empty());
}

INSTANTIATE_TEST_SUITE_P(
    Rows, EngineChoiceTest,
    ::testing::Values(
        Row{"", "", true, false, "cpu"}, Row{"", "", true, true, "cpu"},
        Row{"", "", false, true, "onnx"}, Row{"neso", "", true, true, "cpu"},
        Row{"onnxruntime", "", true, true, "onnx"}, Row{"onnxruntime", "", true, false, "cpu"},
        Row{"onnxruntime", "", false, true, "onnx"}, Row{"onnxruntime", "cpu", true, true, "cpu"},
        Row{"", "onnx", true, true, "onnx"},
        Row{"", "onnx", true, false, "there is no '1/model.onnx'"},
        Row{"", "cpu", false, true, "needs config.json and model.safetensors, or"},
        Row{"", "fast", true, true, "it is 'cpu' or 'onnx'"},
        Row{"onnxruntime", "", false, false, "neither '1/model.onnx' nor"},
        Row{"", "", false, false, "neither '1/model.onnx' nor"},
        Row{"nothing", "", true, true, "unable to find backend library for backend 'nothing'"}));

TEST(EngineChoice, LetsOurEngineEncodeWithAnExportsWeights) {
  const auto native = [](const char* backend, const char* wish) {
    ModelConfig config;
    config.backend = backend;
    if (*wish != '\0') config.parameters["engine"] = wish;
    const auto choice = choose_engine(
        config, {.has_onnx_weights = true, .has_onnx = true, .onnx_file = "1/model.onnx"});
    EXPECT_TRUE(choice);
    EXPECT_EQ(choice->kind, EngineKind::Onnx);
    return choice->native;
  };
  EXPECT_EQ(native("", ""), NativeEncoding::IfItAgrees);
  EXPECT_EQ(native("onnxruntime", ""), NativeEncoding::IfItAgrees);
  EXPECT_EQ(native("onnxruntime", "cpu"), NativeEncoding::Required);
  EXPECT_EQ(native("", "onnx"), NativeEncoding::No);
}

TEST(EngineChoice, SaysWhyWeightsAreNoUse) {
  ModelConfig config;
  config.name = "m";
  const auto choice = choose_engine(
      config,
      {.no_weights_reason = "model_type is \"t5\"", .has_onnx = true, .onnx_file = "1/model.onnx"});
  ASSERT_TRUE(choice);
  EXPECT_THAT(choice->reason, HasSubstr("t5"));
}

}  // namespace
}  // namespace neso
