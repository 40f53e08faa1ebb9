// SPDX-License-Identifier: Apache-2.0
#include "api/triton/describe.h"

#include <gtest/gtest.h>

namespace neso::triton {
namespace {

TEST(Describe, MetadataHasTritonsMembersInTritonsOrder) {
  ModelMetadata metadata;
  metadata.name = "simple";
  metadata.versions = {1, 3};
  metadata.platform = "onnxruntime_onnx";
  metadata.inputs = {{"INPUT0", DType::Int32, {-1, 16}}};
  metadata.outputs = {{"TEXT", DType::Bytes, {-1}}};
  EXPECT_EQ(model_metadata_json(metadata),
            R"({"name":"simple","versions":["1","3"],"platform":"onnxruntime_onnx",)"
            R"("inputs":[{"name":"INPUT0","datatype":"INT32","shape":[-1,16]}],)"
            R"("outputs":[{"name":"TEXT","datatype":"BYTES","shape":[-1]}]})");
}

TEST(Describe, AnIndexEntryHasOnlyWhatIsKnown) {
  const IndexEntry entries[] = {
      {"a", 1, "READY", ""}, {"b", std::nullopt, "", ""}, {"c", 2, "UNAVAILABLE", "unloaded"}};
  EXPECT_EQ(index_json(entries),
            R"([{"name":"a","version":"1","state":"READY"},{"name":"b"},)"
            R"({"name":"c","version":"2","state":"UNAVAILABLE","reason":"unloaded"}])");
}

TEST(Describe, StatisticsHaveEveryCounter) {
  ModelStatistics model;
  model.name = "m";
  model.version = 1;
  model.inference_count = 5;
  model.success = {3, 900};
  model.batches = {{2, {1, 10}, {1, 20}, {1, 30}}};
  EXPECT_EQ(
      statistics_json(std::span(&model, 1)),
      R"({"model_stats":[{"name":"m","version":"1","last_inference":0,"inference_count":5,"execution_count":0,)"
      R"("inference_stats":{"success":{"count":3,"ns":900},"fail":{"count":0,"ns":0},"queue":{"count":0,"ns":0},)"
      R"("compute_input":{"count":0,"ns":0},"compute_infer":{"count":0,"ns":0},"compute_output":{"count":0,"ns":0},)"
      R"("cache_hit":{"count":0,"ns":0},"cache_miss":{"count":0,"ns":0}},"response_stats":{},)"
      R"("batch_stats":[{"batch_size":2,"compute_input":{"count":1,"ns":10},"compute_infer":{"count":1,"ns":20},)"
      R"("compute_output":{"count":1,"ns":30}}],"memory_usage":[]}]})");
}

TEST(Describe, AnIndexRequestMayBeEmptyOrAskForReadyOnes) {
  EXPECT_EQ(*decode_index_request(""), false);
  EXPECT_EQ(*decode_index_request("{}"), false);
  EXPECT_EQ(*decode_index_request(R"({"ready":true})"), true);
  EXPECT_FALSE(decode_index_request(R"({"ready":1})"));
  EXPECT_FALSE(decode_index_request("{"));
}

}  // namespace
}  // namespace neso::triton
