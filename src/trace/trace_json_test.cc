// SPDX-License-Identifier: Apache-2.0
// Traces in the words of Triton's files.
#include "trace/trace_json.h"

#include <gtest/gtest.h>

#include "trace/test_trace.h"
#include "trace/tracer.h"

namespace neso {
namespace {

class TraceJson : public ::testing::Test {
 protected:
  std::shared_ptr<Trace> begin(TraceLevel level) {
    TraceSettings settings;
    settings.level = level;
    return Trace::begin(std::make_shared<TraceSeries>(settings), std::nullopt, sink_, ids_);
  }
  std::string only() { return trace_json(sink_->traces.at(0)); }

  std::shared_ptr<KeptTraces> sink_ = std::make_shared<KeptTraces>();
  std::atomic<uint64_t> ids_ = 0;
};

TEST_F(TraceJson, StampsBeforeTheModelStandBeforeIt) {
  auto trace = begin({.timestamps = true});
  trace->stamp(TraceEvent::HttpRecvStart, 5);
  trace->reached("m", 2, "r", 7);
  trace->computed(8, 9, 10, 11);
  EXPECT_TRUE(sink_->traces.empty());
  trace = nullptr;
  EXPECT_EQ(only(), R"({"id":1,"timestamps":[{"name":"HTTP_RECV_START","ns":5}]},)"
                    R"({"id":1,"model_name":"m","model_version":2,"request_id":"r"},)"
                    R"({"id":1,"timestamps":[{"name":"REQUEST_START","ns":7}]},)"
                    R"({"id":1,"timestamps":[{"name":"COMPUTE_START","ns":8}]},)"
                    R"({"id":1,"timestamps":[{"name":"COMPUTE_INPUT_END","ns":9}]},)"
                    R"({"id":1,"timestamps":[{"name":"COMPUTE_OUTPUT_START","ns":10}]},)"
                    R"({"id":1,"timestamps":[{"name":"COMPUTE_END","ns":11}]})");
}

TEST_F(TraceJson, PartsOfAnEnsembleNameTheirParentAndOutliveTheRoot) {
  auto trace = begin({.timestamps = true});
  auto part = trace->child();
  trace->reached("all", 1, "", 1);
  trace = nullptr;
  part->reached("step", 1, "", 2);
  part = nullptr;
  EXPECT_EQ(only(), R"({"id":1,"model_name":"all","model_version":1},)"
                    R"({"id":1,"timestamps":[{"name":"REQUEST_START","ns":1}]},)"
                    R"({"id":2,"model_name":"step","model_version":1,"parent_id":1},)"
                    R"({"id":2,"timestamps":[{"name":"REQUEST_START","ns":2}]})");
}

TEST_F(TraceJson, SeveralExecutionsAreOneFromTheFirstToTheLast) {
  auto trace = begin({.timestamps = true});
  trace->computed(10, 11, 12, 13);
  trace->computed(20, 21, 22, 23);
  trace = nullptr;
  const TracePart& part = sink_->traces.at(0).parts.front();
  EXPECT_EQ(part.stamps.size(), 4U);
  EXPECT_EQ(part.at(TraceEvent::ComputeStart), 10);
  EXPECT_EQ(part.at(TraceEvent::ComputeEnd), 23);
}

TEST_F(TraceJson, TensorsAreTextWhenTheLevelAsksForThem) {
  const float values[] = {0.5F, 1234567.0F};
  const NamedTensor tensor{"X", Tensor::from(DType::Fp32, {1, 2}, std::span<const float>(values))};
  auto trace = begin({.tensors = true});
  trace->reached("m", 1, "", 1);
  trace->tensors(TensorEvent::QueueInput, std::span(&tensor, 1));
  trace = nullptr;
  EXPECT_EQ(only(), R"({"id":1,"model_name":"m","model_version":1},)"
                    R"({"id":1,"activity":"TENSOR_QUEUE_INPUT","tensor":)"
                    R"({"name":"X","data":"0.5,1.23457e+06","shape":"1,2","dtype":"FP32"}})");
  auto without = begin({.timestamps = true});
  without->tensors(TensorEvent::QueueInput, std::span(&tensor, 1));
  without = nullptr;
  EXPECT_TRUE(sink_->traces.at(1).parts.front().tensors.empty());
}

TEST_F(TraceJson, ElementsOfEveryKind) {
  const int8_t small[] = {-1, 2};
  EXPECT_EQ(traced_elements(Tensor::from(DType::Int8, {2}, std::span<const int8_t>(small))),
            "-1,2");
  const uint16_t half[] = {0x3c00, 0xc000};
  EXPECT_EQ(traced_elements(Tensor::from(DType::Fp16, {2}, std::span<const uint16_t>(half))),
            "1,-2");
  const std::string texts[] = {"a\"b", "\xff"};
  EXPECT_EQ(traced_elements(Tensor::from_strings({2}, texts)), R"("a"b","\xff")");
}

}  // namespace
}  // namespace neso
