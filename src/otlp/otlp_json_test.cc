// SPDX-License-Identifier: Apache-2.0
// Spans, their parents and their events.
#include "otlp/otlp_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "trace/test_trace.h"

namespace neso {
namespace {

using ::testing::ElementsAre;

class OtlpJson : public ::testing::Test {
 protected:
  // An ensemble with one step, called by a client.
  OtlpJson() {
    const auto sink = std::make_shared<KeptTraces>();
    std::atomic<uint64_t> ids = 0;
    auto trace = Trace::begin(std::make_shared<TraceSeries>(traced_to_file().settings),
                              TraceContext{.trace_id = std::string(32, 'a'),
                                           .span_id = std::string(16, 'b'),
                                           .sampled = true,
                                           .state = "v=1"},
                              sink, ids);
    trace->stamp(TraceEvent::HttpRecvStart, 10);
    trace->reached("all", 3, "r", 20);
    trace->child()->reached("step", 1, "", 30);
    trace->computed(40, 41, 42, 43);
    trace->stamp(TraceEvent::RequestEnd, 50);
    trace->stamp(TraceEvent::HttpSendEnd, 60);
    trace = nullptr;
    uint64_t next = 1;
    const OtlpContext context{.resource = {{"service.name", "test"}},
                              .wall_offset_ns = 1000,
                              .random = [&next] { return next++; }};
    document_ = *parse_json(otlp_json(sink->traces, context));
    spans_in_ = span_count(sink->traces.at(0));
  }

  const JsonValue& resource_spans() const { return document_.find("resourceSpans")->array().at(0); }
  const JsonArray& spans() const {
    return resource_spans().find("scopeSpans")->array().at(0).find("spans")->array();
  }
  std::string text(size_t span, const char* member) const {
    const JsonValue* value = spans().at(span).find(member);
    return value == nullptr ? "(none)" : std::string(value->as_string().value_or("(no text)"));
  }
  std::vector<std::string> events(size_t span) const {
    std::vector<std::string> names;
    for (const JsonValue& event : spans().at(span).find("events")->array())
      names.emplace_back(*event.find("name")->as_string());
    return names;
  }

  JsonValue document_;
  size_t spans_in_ = 0;
};

TEST_F(OtlpJson, SpansHangUnderTheClientsSpanAndUnderEachOther) {
  ASSERT_EQ(spans().size(), 4U);
  EXPECT_GE(spans_in_, spans().size());
  EXPECT_EQ(text(0, "name"), "InferRequest");
  EXPECT_EQ(text(0, "parentSpanId"), std::string(16, 'b'));
  EXPECT_EQ(text(1, "name"), "all");
  EXPECT_EQ(text(1, "parentSpanId"), text(0, "spanId"));
  EXPECT_EQ(text(2, "name"), "compute");
  EXPECT_EQ(text(2, "parentSpanId"), text(1, "spanId"));
  EXPECT_EQ(text(3, "name"), "step");
  EXPECT_EQ(text(3, "parentSpanId"), text(1, "spanId"));
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(text(i, "traceId"), std::string(32, 'a'));
    EXPECT_EQ(text(i, "traceState"), "v=1");
  }
}

TEST_F(OtlpJson, StampsAreEventsInWallTime) {
  EXPECT_THAT(events(0), ElementsAre("HTTP_RECV_START", "HTTP_SEND_END"));
  EXPECT_THAT(events(1), ElementsAre("REQUEST_START", "REQUEST_END"));
  EXPECT_THAT(events(2), ElementsAre("COMPUTE_START", "COMPUTE_INPUT_END", "COMPUTE_OUTPUT_START",
                                     "COMPUTE_END"));
  EXPECT_EQ(text(0, "startTimeUnixNano"), "1010");
  EXPECT_EQ(text(0, "endTimeUnixNano"), "1060");
  EXPECT_EQ(text(2, "startTimeUnixNano"), "1040");
}

TEST_F(OtlpJson, ResourceAndModelAreAttributes) {
  const auto attribute = [](const JsonValue& of, const std::string& key) -> std::string {
    for (const JsonValue& entry : of.find("attributes")->array()) {
      if (*entry.find("key")->as_string() == key)
        return std::string(*entry.find("value")->members().front().second.as_string());
    }
    return "(none)";
  };
  EXPECT_EQ(attribute(*resource_spans().find("resource"), "service.name"), "test");
  EXPECT_EQ(attribute(spans().at(1), "triton.model_name"), "all");
  EXPECT_EQ(attribute(spans().at(1), "triton.model_version"), "3");
  EXPECT_EQ(attribute(spans().at(1), "triton.request_id"), "r");
  EXPECT_EQ(attribute(spans().at(3), "triton.trace_parent_id"), "1");
}

}  // namespace
}  // namespace neso
