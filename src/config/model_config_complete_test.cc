// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/model_config.h"

namespace neso {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

// A graph with [batch, length] ids and [batch, 8] vectors.
ModelFacts encoder_facts() {
  ModelFacts facts;
  facts.platform = "onnxruntime_onnx";
  facts.backend = "onnxruntime";
  facts.inputs = {{.name = "ids", .dtype = DType::Int64, .dims = {-1}}};
  facts.outputs = {{.name = "vectors", .dtype = DType::Fp32, .dims = {8}}};
  facts.supports_batching = true;
  facts.default_instance_count = 2;
  return facts;
}

Result<ModelConfig> complete(std::string_view text, const ModelFacts& facts,
                             bool auto_complete = true) {
  NESO_TRY(const ModelConfig written, parse_model_config(text, "config.pbtxt", "m"));
  return complete_model_config(written, facts, auto_complete);
}

ModelConfig completed(std::string_view text, const ModelFacts& facts, bool auto_complete = true) {
  auto config = complete(text, facts, auto_complete);
  EXPECT_TRUE(config) << text << ": " << config.error().message;
  return config ? *std::move(config) : ModelConfig();
}

std::string refusal(std::string_view text, const ModelFacts& facts, bool auto_complete = true) {
  const auto config = complete(text, facts, auto_complete);
  EXPECT_FALSE(config) << text;
  return config ? "" : config.error().message;
}

TEST(CompleteModelConfig, FillsAnEmptyConfigFromTheModel) {
  const ModelConfig config = completed("", encoder_facts());
  EXPECT_EQ(config.platform, "onnxruntime_onnx");
  EXPECT_EQ(config.backend, "onnxruntime");
  EXPECT_EQ(config.default_model_filename, "model.onnx");
  EXPECT_EQ(config.max_batch_size, 4);
  ASSERT_EQ(config.inputs.size(), 1u);
  EXPECT_EQ(config.inputs[0].name, "ids");
  EXPECT_EQ(config.inputs[0].dtype, DType::Int64);
  EXPECT_THAT(config.inputs[0].dims, ElementsAre(-1));
  ASSERT_EQ(config.outputs.size(), 1u);
  EXPECT_THAT(config.outputs[0].dims, ElementsAre(8));
  ASSERT_TRUE(config.dynamic_batching);
  EXPECT_THAT(config.dynamic_batching->preferred_batch_sizes, ElementsAre(4));
  ASSERT_EQ(config.instance_groups.size(), 1u);
  EXPECT_EQ(config.instance_groups[0].name, "m");
  EXPECT_EQ(config.instance_groups[0].kind, InstanceKind::Cpu);
  EXPECT_EQ(config.instance_groups[0].count, 2);
}

TEST(CompleteModelConfig, LeavesAConfigWithInputsAndOutputsAlone) {
  const ModelConfig config = completed(
      "input { name: \"a\" data_type: TYPE_FP32 dims: 1 } output { name: \"b\" data_type: "
      "TYPE_FP32 dims: 1 }",
      encoder_facts());
  EXPECT_EQ(config.max_batch_size, 0);
  EXPECT_FALSE(config.dynamic_batching);
  EXPECT_EQ(config.inputs.size(), 1u);
}

TEST(CompleteModelConfig, FillsOneSideAndMergesNoPartialList) {
  ModelFacts facts = encoder_facts();
  facts.inputs.push_back({.name = "mask", .dtype = DType::Int64, .dims = {-1}});
  const ModelConfig config =
      completed("input { name: \"ids\" data_type: TYPE_INT64 dims: -1 }", facts);
  EXPECT_EQ(config.inputs.size(), 1u);
  EXPECT_EQ(config.outputs.size(), 1u);
  EXPECT_EQ(config.max_batch_size, 4);
}

TEST(CompleteModelConfig, KeepsAWrittenBatchSizeAndScheduler) {
  EXPECT_EQ(completed("max_batch_size: 16", encoder_facts()).max_batch_size, 16);
  EXPECT_THAT(
      completed("max_batch_size: 16", encoder_facts()).dynamic_batching->preferred_batch_sizes,
      ElementsAre(16));
  EXPECT_FALSE(completed("max_batch_size: 1", encoder_facts()).dynamic_batching);
  EXPECT_FALSE(
      completed("max_batch_size: 16 sequence_batching { }", encoder_facts()).dynamic_batching);
  EXPECT_THAT(
      completed("max_batch_size: 16 dynamic_batching { preferred_batch_size: 2 }", encoder_facts())
          .dynamic_batching->preferred_batch_sizes,
      ElementsAre(2));
}

TEST(CompleteModelConfig, LeavesOutWhatTheServerFillsInForASequence) {
  ModelFacts facts = encoder_facts();
  for (const char* own : {"start", "state_in"})
    facts.inputs.push_back({.name = own, .dtype = DType::Int32, .dims = {1}});
  facts.outputs.push_back({.name = "state_out", .dtype = DType::Int32, .dims = {1}});
  const ModelConfig config = completed(
      "max_batch_size: 4 sequence_batching { "
      "control_input { name: \"start\" control { int32_false_true: [ 0, 1 ] } } "
      "state { input_name: \"state_in\" output_name: \"state_out\" } }",
      facts);
  ASSERT_EQ(config.inputs.size(), 1U);
  EXPECT_EQ(config.inputs[0].name, "ids");
  ASSERT_EQ(config.outputs.size(), 1U);
  EXPECT_EQ(config.outputs[0].name, "vectors");
}

TEST(CompleteModelConfig, KeepsTheBatchDimensionOfAModelThatIsNotBatched) {
  ModelFacts facts = encoder_facts();
  facts.default_max_batch_size = 0;
  const ModelConfig config = completed("", facts);
  EXPECT_EQ(config.max_batch_size, 0);
  EXPECT_THAT(config.inputs.at(0).dims, ElementsAre(-1, -1));
  EXPECT_THAT(config.outputs.at(0).dims, ElementsAre(-1, 8));
}

TEST(CompleteModelConfig, RefusesBatchesOfAModelThatHasNone) {
  ModelFacts facts = encoder_facts();
  facts.supports_batching = false;
  EXPECT_EQ(refusal("max_batch_size: 2", facts),
            "autofill failed for model 'm': model does not support batching while non-zero "
            "max_batch_size is specified");
  EXPECT_EQ(completed("", facts).max_batch_size, 0);
}

TEST(CompleteModelConfig, GivesScalarsOneElement) {
  ModelFacts facts = encoder_facts();
  facts.outputs[0].dims = {};
  const ModelConfig batched = completed("", facts);
  EXPECT_THAT(batched.outputs.at(0).dims, ElementsAre(1));
  EXPECT_EQ(batched.outputs.at(0).reshape, Shape{});
  facts.supports_batching = false;
  const ModelConfig single = completed("", facts);
  EXPECT_THAT(single.outputs.at(0).dims, ElementsAre(1));
  EXPECT_EQ(single.outputs.at(0).reshape, std::nullopt);
}

TEST(CompleteModelConfig, WithoutAutoCompletionTensorsMustBeDeclared) {
  EXPECT_THAT(
      refusal("backend: \"onnxruntime\"", encoder_facts(), false),
      StartsWith("unable to load model 'm', configuration expects 0 inputs, model provides 1."));
  EXPECT_THAT(
      refusal("backend: \"onnxruntime\" input { name: \"a\" data_type: TYPE_FP32 dims: 1 }",
              encoder_facts(), false),
      StartsWith("unable to load model 'm', configuration expects 0 outputs, model provides 1."));
  const ModelConfig config = completed(
      "input { name: \"a\" data_type: TYPE_FP32 dims: 1 } output { name: \"b\" data_type: "
      "TYPE_FP32 dims: 1 } max_batch_size: 8 dynamic_batching { }",
      encoder_facts(), false);
  EXPECT_EQ(config.platform,
            "onnxruntime_onnx");  // the backend's names and the defaults are filled in all the same
  EXPECT_THAT(config.dynamic_batching->preferred_batch_sizes, ElementsAre(8));
}

TEST(CompleteModelConfig, FillsPlatformAndBackendFromEachOther) {
  ModelFacts own;
  own.platform = own.backend = "neso";
  EXPECT_EQ(completed("backend: \"onnxruntime\"", own).platform, "onnxruntime_onnx");
  EXPECT_EQ(completed("platform: \"onnxruntime_onnx\"", own).backend, "onnxruntime");
  EXPECT_EQ(completed("default_model_filename: \"model.onnx\"", own).backend, "onnxruntime");
  EXPECT_EQ(completed("platform: \"neso\"", encoder_facts()).backend, "neso");
  EXPECT_EQ(completed("backend: \"neso\"", encoder_facts()).platform, "neso");
  EXPECT_EQ(completed("", own).backend, "neso");
  EXPECT_EQ(completed("", own).default_model_filename, "");
}

TEST(CompleteModelConfig, RefusesBackendsThatAreNotHere) {
  EXPECT_THAT(refusal("backend: \"python\"", encoder_facts()),
              StartsWith("unable to find backend library for backend 'python', try specifying "
                         "runtime on the model configuration."));
  EXPECT_EQ(refusal("platform: \"pytorch_libtorch\"", encoder_facts()),
            "unexpected platform type 'pytorch_libtorch' for m");
  EXPECT_THAT(refusal("", ModelFacts()),
              StartsWith("Invalid model name: Could not determine backend for model 'm'"));
}

TEST(CompleteModelConfig, NamesGroupsAndSettlesTheirKindAndCount) {
  const ModelConfig config = completed(
      "instance_group [ { count: 3 }, { name: \"x\" kind: KIND_CPU }, { gpus: 1 }, { kind: "
      "KIND_MODEL count: -1 } ]",
      encoder_facts());
  ASSERT_EQ(config.instance_groups.size(), 4u);
  EXPECT_EQ(config.instance_groups[0].name, "m_0");
  EXPECT_EQ(config.instance_groups[0].kind, InstanceKind::Cpu);
  EXPECT_EQ(config.instance_groups[0].count, 3);
  EXPECT_EQ(config.instance_groups[1].name, "x");
  EXPECT_EQ(config.instance_groups[1].count, 2);
  EXPECT_EQ(config.instance_groups[2].kind, InstanceKind::Gpu);
  EXPECT_EQ(config.instance_groups[2].count, 1);
  EXPECT_EQ(config.instance_groups[3].name, "m_3");
  EXPECT_EQ(config.instance_groups[3].count, 1);
}

TEST(CompleteModelConfig, WithGpusAutoIsGpuAndNoListIsAllOfThem) {
  ModelFacts facts = encoder_facts();
  facts.gpus = {0, 1};
  const ModelConfig config = completed(
      "instance_group [ { }, { kind: KIND_GPU count: 2 }, { kind: KIND_GPU gpus: 1 }, { kind: "
      "KIND_CPU } ]",
      facts);
  const auto& groups = config.instance_groups;
  ASSERT_EQ(groups.size(), 4u);
  EXPECT_EQ(groups[0].kind, InstanceKind::Gpu);
  EXPECT_EQ(groups[0].count, 1);
  EXPECT_THAT(groups[0].gpus, ElementsAre(0, 1));
  EXPECT_EQ(groups[1].count, 2);
  EXPECT_THAT(groups[1].gpus, ElementsAre(0, 1));
  EXPECT_THAT(groups[2].gpus, ElementsAre(1));
  EXPECT_EQ(groups[3].kind, InstanceKind::Cpu);
  EXPECT_THAT(groups[3].gpus, IsEmpty());
  EXPECT_EQ(completed("", facts).instance_groups.front().kind, InstanceKind::Gpu);
}

TEST(CompleteModelConfig, CarriesOnWhatIsNotHonoured) {
  EXPECT_THAT(completed("runtime: \"r\"", encoder_facts()).not_honoured, ElementsAre("runtime"));
  EXPECT_THAT(completed("", encoder_facts()).not_honoured,
              IsEmpty());  // defaults were not asked for
}

TEST(CompleteModelConfig, ChecksTheWhole) {
  EXPECT_THAT(
      refusal("dynamic_batching { preferred_batch_size: 2 }", encoder_facts()),
      HasSubstr(
          "preferred size must be <= max batch size"));  // judged before the size is filled in
  ModelFacts facts = encoder_facts();
  facts.inputs[0].dims = {0};
  EXPECT_EQ(refusal("", facts),
            "model input 'ids' dimension must be integer >= 1, or -1 to indicate a variable-size "
            "dimension for m");
}

}  // namespace
}  // namespace neso
