// SPDX-License-Identifier: Apache-2.0
// One row per rule: a text and the sentence that refuses it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/model_config.h"

namespace neso {
namespace {

using ::testing::HasSubstr;

struct Case {
  const char* text;
  const char* sentence;
};

void expect_refused(std::span<const Case> cases) {
  for (const Case& c : cases) {
    const auto config = parse_model_config(c.text, "config.pbtxt", "m");
    ASSERT_FALSE(config) << c.text;
    EXPECT_EQ(config.error().code, ErrorCode::InvalidArgument);
    EXPECT_EQ(config.error().message, c.sentence) << c.text;
  }
}

void expect_accepted(std::span<const char* const> texts) {
  for (const char* text : texts) {
    const auto config = parse_model_config(text, "config.pbtxt", "m");
    EXPECT_TRUE(config) << text << ": " << (config ? "" : config.error().message);
  }
}

TEST(ModelConfigCheck, RefusesTheModelAsAWhole) {
  const Case kCases[] = {
      {"name: \"other\"",
       "unexpected directory name 'm' for model 'other', directory name must equal model name"},
      {"max_batch_size: -1", "'max_batch_size' must be non-negative value for m"},
      {"platform: \"onnxruntime_onnx\" backend: \"neso\"",
       "unexpected 'platform' and 'backend' pair, got:onnxruntime_onnx, neso"},
      {"platform: \"tensorrt_plan\" backend: \"onnxruntime\"",
       "unexpected 'platform' and 'backend' pair, got:tensorrt_plan, onnxruntime"},
      {"platform: \"ensemble\" backend: \"neso\"",
       "Ensemble model 'm' must have platform type 'ensemble' and empty backend type"},
      {"platform: \"ensemble\"",
       "ensemble scheduling must be set for ensemble m whose platform is ensemble"},
      {"platform: \"ensemble\" ensemble_scheduling { step { model_name: \"a\" input_map { } "
       "output_map { } } } instance_group { }",
       "instance group should not be specified for ensemble 'm'"},
      {"platform: \"ensemble\" ensemble_scheduling { }", "must specify 'step' for ensemble 'm'"},
      {"platform: \"ensemble\" ensemble_scheduling { step { } }",
       "must specify 'model_name' in step 0 of ensemble 'm'"},
      {"platform: \"ensemble\" ensemble_scheduling { step { model_name: \"a\" input_map { } "
       "output_map { } } step { model_name: \"b\" } }",
       "must specify 'input_map' in step 1 of ensemble 'm'"},
      {"version_policy { latest { } }",
       "version_policy.latest.num_versions must be at least 1 for m"},
      {"response_cache { enable: true } sequence_batching { }",
       "Response Cache does not currently support model m with sequence batching scheduler. Please "
       "disable the response cache."},
      {"response_cache { enable: true } model_transaction_policy { decoupled: true }",
       "Response Cache does not currently support model m with 'decoupled' transaction policy. "
       "Please disable the response cache."},
      {"model_metrics { metric_control { metric_identifier { family: \"f\" } histogram_options { "
       "buckets: [ 2, 2 ] } } }",
       "model_metrics of model 'm': each of the buckets of 'f' must be larger than the one before"},
      {"metric_tags { key: \"my \\\"team\\\"\" value: \"x\" }",
       "metric_tags of model 'm' has the key 'my \"team\"', which cannot be the name of a "
       "Prometheus "
       "label; use letters, digits and '_' only"},
  };
  expect_refused(kCases);
}

TEST(ModelConfigCheck, RefusesNamesThatAreNoFolderNames) {
  for (const std::string& name :
       {std::string("a/b"), std::string(".."), std::string("."), std::string(300, 'a'),
        std::string("a\0b", 3), std::string("\xff")}) {
    const auto config = parse_model_config("", "config.pbtxt", name);
    ASSERT_FALSE(config);
    EXPECT_THAT(config.error().message, HasSubstr("'name' must be a folder's name"));
  }
  EXPECT_TRUE(parse_model_config("", "config.pbtxt", "caf\u00e9.v1..2"));
}

TEST(ModelConfigCheck, RefusesBatchingRules) {
  const Case kCases[] = {
      {"max_batch_size: 8 dynamic_batching { preferred_batch_size: [ 4, 0 ] }",
       "dynamic batching preferred size must be positive for m"},
      {"max_batch_size: 8 dynamic_batching { preferred_batch_size: [ 4, 9 ] }",
       "dynamic batching preferred size must be <= max batch size for m"},
      {"dynamic_batching { preferred_batch_size: 1 }",
       "dynamic batching preferred size must be <= max batch size for m"},
      {"dynamic_batching { priority_levels: 3 }",
       "default priority level must be in range [1, 3] for m"},
      {"dynamic_batching { priority_levels: 3 default_priority_level: 4 }",
       "default priority level must be in range [1, 3] for m"},
      {"dynamic_batching { priority_levels: 3 default_priority_level: 1 priority_queue_policy { "
       "key: 4 value { } } }",
       "priority queue policy must have priority level in range [1, 3] for m"},
      {"dynamic_batching { priority_levels: 9223372036854775808 default_priority_level: 1 }",
       "dynamic_batching.priority_levels: 9223372036854775808 are more than 65536 for m"},
      {"dynamic_batching { priority_levels: 2 default_priority_level: 1 preserve_ordering: true }",
       "Only one priority level is allowed when 'preserve_ordering' is true for m"},
      {"dynamic_batching { preserve_ordering: true default_queue_policy { timeout_action: DELAY "
       "default_timeout_microseconds: 1 } }",
       "Queue policy can not have DELAY as timeout action when 'preserve_ordering' is true for m"},
      {"sequence_batching { oldest { preferred_batch_size: 2 } }",
       "sequence batching preferred batch size must be <= max batch size for m"},
      {"sequence_batching { direct { minimum_slot_utilization: 1.5 } }",
       "sequence batching minimum slot utilization must be in range (0.0, 1.0] for m"},
      {"sequence_batching { direct { minimum_slot_utilization: nan } }",
       "sequence batching minimum slot utilization must be in range (0.0, 1.0] for m"},
  };
  expect_refused(kCases);
}

TEST(ModelConfigCheck, RefusesTensorRules) {
  const Case kCases[] = {
      {"input { data_type: TYPE_FP32 dims: 1 }", "model input must specify 'name' for m"},
      {"input { name: \"a\" dims: 1 }", "model input 'a' must specify 'data_type' for m"},
      {"output { name: \"b\" data_type: TYPE_FP32 }", "model output 'b' must specify 'dims' for m"},
      {"input { name: \"a\" data_type: TYPE_FP32 dims: 0 }",
       "model input 'a' dimension must be integer >= 1, or -1 to indicate a variable-size "
       "dimension for m"},
      {"output { name: \"b\" data_type: TYPE_FP32 dims: -2 }",
       "model output 'b' dimension must be integer >= 1, or -1 to indicate a variable-size "
       "dimension for m"},
      {"input { name: \"a\" data_type: TYPE_FP32 dims: [ 4000000000, 4000000000 ] }",
       "model input 'a' dims [4000000000,4000000000] are more bytes than can be counted, in a "
       "batch of 1 for m"},
      {"input { name: \"a\" data_type: TYPE_FP32 dims: [ 4000000000, -1, 4000000000 ] }",
       "model input 'a' dims [4000000000,-1,4000000000] are more bytes than can be counted, in a "
       "batch of 1 for m"},
      {"max_batch_size: 2147483647 output { name: \"b\" data_type: TYPE_FP64 dims: 4000000000 }",
       "model output 'b' dims [4000000000] are more bytes than can be counted, in a batch of "
       "2147483647 for m"},
      {"input { name: \"a\" data_type: TYPE_FP32 dims: 1 } "
       "input { name: \"b\" data_type: TYPE_FP32 dims: 1 } "
       "input { name: \"a\" data_type: TYPE_INT8 dims: 2 }",
       "model input 'a' is declared twice, as input[0] and input[2] for m"},
      {"output { name: \"a\" data_type: TYPE_FP32 dims: 1 } "
       "output { name: \"a\" data_type: TYPE_FP32 dims: 1 }",
       "model output 'a' is declared twice, as output[0] and output[1] for m"},
      {"input { name: \"a\" data_type: TYPE_FP32 dims: 1 reshape { } }",
       "model input 'a' cannot have empty reshape for non-batching model as scalar tensors are not "
       "supported for m"},
      {"input { name: \"a\" data_type: TYPE_FP32 dims: 4 reshape { shape: [ 4, 0 ] } }",
       "model input 'a' reshape dimensions must be integer >= 1, or -1 to indicate a variable-size "
       "dimension for m"},
      {"input { name: \"a\" data_type: TYPE_FP32 dims: 4 reshape { shape: [ 2, 3 ] } }",
       "model input 'a' has different size for dims and reshape for m"},
      {"max_batch_size: 1 input { name: \"a\" data_type: TYPE_FP32 dims: 2 reshape { } }",
       "model input 'a' has different size for dims and reshape for m"},
      {"input { name: \"a\" data_type: TYPE_FP32 dims: -1 reshape { shape: 4 } }",
       "model input 'a' has different size for dims and reshape for m"},
      {"input { name: \"a\" data_type: TYPE_FP32 dims: [ 2, -1, 6 ] reshape { shape: [ 2, -1, 5 ] "
       "} }",
       "model input 'a' has different size for dims and reshape for m"},
      {"input { name: \"a\" data_type: TYPE_FP32 dims: -1 reshape { shape: [ -1, -1 ] } }",
       "model input 'a' has different number of variable-size dimensions for dims and reshape for "
       "m"},
      {"input { name: \"a\" data_type: TYPE_FP32 dims: 4 format: FORMAT_NHWC }",
       "model input NHWC/NCHW require 3 dims for m"},
      {"output { name: \"b\" data_type: TYPE_FP32 dims: 4 is_shape_tensor: true }",
       "shape tensors are only supported for TensorRT platform for m"},
      {"batch_input { kind: BATCH_ELEMENT_COUNT data_type: TYPE_FP32 }",
       "batch input kind 'BATCH_ELEMENT_COUNT' expects 1 source input, got 0 for m"},
      {"batch_input { data_type: TYPE_INT64 source_input: \"a\" }",
       "batch input data type must be TYPE_INT32 or TYPE_FP32 for m"},
      {"batch_input { data_type: TYPE_INT32 source_input: \"a\" }",
       "unknown source input name 'a' for m"},
      {"input { name: \"a\" data_type: TYPE_FP32 dims: 4 } batch_output { source_input: \"a\" "
       "target_name: \"b\" }",
       "unknown target output name 'b' for m"},
  };
  expect_refused(kCases);
}

TEST(ModelConfigCheck, RefusesInstanceGroupRules) {
  const Case kCases[] = {
      {"instance_group { kind: KIND_CPU gpus: 0 }",
       "instance group m_0 of model m has kind KIND_CPU but specifies one or more GPUs"},
      {"instance_group { } instance_group { kind: KIND_MODEL gpus: 0 }",
       "instance group m_1 of model m has kind KIND_MODEL but specifies one or more GPUs"},
      {"instance_group { count: 100000 }",
       "instance_group[0].count: 100000 instances are more than the 1024 that a model may have, "
       "for m"},
      {"instance_group { count: 1000 } instance_group { count: 1000 }",
       "instance_group[1].count: 2000 instances are more than the 1024 that a model may have, for "
       "m"},
      {"instance_group { kind: KIND_GPU gpus: [ 0, 99 ] }",
       "instance_group[0].gpus[1]: 99 is no GPU id, they are 0 to 63, for m"},
      {"instance_group { kind: KIND_GPU gpus: -1 }",
       "instance_group[0].gpus[0]: -1 is no GPU id, they are 0 to 63, for m"},
      {"platform: \"neso\" instance_group { name: \"g\" profile: \"1\" }",
       "instance group g of model m and platform neso specifies profile field which is only "
       "supported for TensorRT models"},
  };
  expect_refused(kCases);
}

TEST(ModelConfigCheck, RefusesFilesOutsideTheModel) {
  const Case kCases[] = {
      {"default_model_filename: \"../model.onnx\"",
       "default_model_filename: \"../model.onnx\" must be a relative path without '..', inside the "
       "model's folder, for m"},
      {"default_model_filename: \"/etc/passwd\"",
       "default_model_filename: \"/etc/passwd\" must be a relative path without '..', inside the "
       "model's folder, for m"},
      {"output { name: \"b\" data_type: TYPE_FP32 dims: 4 label_filename: \"a/../../b\" }",
       "output[0].label_filename: \"a/../../b\" must be a relative path without '..', inside the "
       "model's folder, for m"},
      {"cc_model_filenames { key: \"8.0\" value: \"/x\" }",
       "cc_model_filenames[\"8.0\"]: \"/x\" must be a relative path without '..', inside the "
       "model's folder, for m"},
      {"model_warmup { inputs { key: \"a\" value { input_data_file: \"../x\" } } }",
       "model_warmup[0].inputs[\"a\"].input_data_file: \"../x\" must be a relative path without "
       "'..', inside the model's folder, for m"},
      {"sequence_batching { state { initial_state { data_file: \"/x\" } } }",
       "sequence_batching.state.initial_state.data_file: \"/x\" must be a relative path without "
       "'..', inside the model's folder, for m"},
  };
  expect_refused(kCases);
}

TEST(ModelConfigCheck, AcceptsWhatTritonAccepts) {
  const char* const kTexts[] = {
      "name: \"m\"",
      "platform: \"onnxruntime_onnx\" backend: \"onnxruntime\"",
      "platform: \"neso\" backend: \"neso\"",
      "max_batch_size: 1 input { name: \"a\" data_type: TYPE_FP32 dims: 1 reshape { } }",
      "input { name: \"a\" data_type: TYPE_FP32 dims: [ 2, 4, -1, 6 ] reshape { shape: [ 8, -1, 1, "
      "6 ] } }",
      "input { name: \"a\" data_type: TYPE_FP32 dims: 1 } output { name: \"a\" data_type: "
      "TYPE_FP32 "
      "dims: 1 }",
      "max_batch_size: 2147483647 input { name: \"a\" data_type: TYPE_FP32 dims: [ -1, 384 ] }",
      "instance_group { count: 0 }",
      "instance_group { count: -1 }",
      "instance_group { kind: KIND_GPU gpus: [ 0 ] }",
      "instance_group { gpus: [ 0 ] }",
      "dynamic_batching { priority_levels: 3 default_priority_level: 3 }",
      "output { name: \"b\" data_type: TYPE_FP32 dims: 4 label_filename: \"sub/..labels\" }",
      "version_policy { }",
  };
  expect_accepted(kTexts);
}

}  // namespace
}  // namespace neso
