// SPDX-License-Identifier: Apache-2.0
#include "otlp/otlp_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/json_writer.h"

namespace neso {
namespace {

constexpr std::string_view kScope = "triton-server";
constexpr std::string_view kRootSpan = "InferRequest";
constexpr std::string_view kComputeSpan = "compute";
constexpr int64_t kServerSpan = 2;  // SpanKind

enum class SpanOf { Request, Model, Compute };

SpanOf span_of(TraceEvent event) {
  switch (event) {
    case TraceEvent::RequestStart:
    case TraceEvent::QueueStart:
    case TraceEvent::RequestEnd:
      return SpanOf::Model;
    case TraceEvent::ComputeStart:
    case TraceEvent::ComputeInputEnd:
    case TraceEvent::ComputeOutputStart:
    case TraceEvent::ComputeEnd:
      return SpanOf::Compute;
    default:
      return SpanOf::Request;
  }
}

std::vector<TraceStamp> stamps_of(SpanOf span, const TracePart& part) {
  std::vector<TraceStamp> stamps;
  for (const TraceStamp& stamp : part.stamps) {
    if (span_of(stamp.event) == span) stamps.push_back(stamp);
  }
  return stamps;
}

struct Span {
  std::string id;
  std::string parent;
  std::string name;
  std::vector<TraceStamp> events;
};

class Writer {
 public:
  explicit Writer(const OtlpContext& context) : context_(context) {
    json_.begin_object().key("resourceSpans").begin_array().begin_object();
    json_.key("resource").begin_object().key("attributes").begin_array();
    for (const auto& [key, value] : context.resource) attribute(key, value);
    json_.end_array().end_object();
    json_.key("scopeSpans").begin_array().begin_object();
    json_.key("scope").begin_object().key("name").string(kScope).end_object();
    json_.key("spans").begin_array();
  }
  std::string text() && {
    json_.end_array().end_object().end_array();
    json_.end_object().end_array().end_object();
    return std::move(json_).text();
  }

  void add(const FinishedTrace& trace) {
    trace_id_ = trace.caller ? trace.caller->trace_id : hex(2);
    state_ = trace.caller ? trace.caller->state : std::string();
    const Span root{.id = hex(1),
                    .parent = trace.caller ? trace.caller->span_id : std::string(),
                    .name = std::string(kRootSpan),
                    .events = stamps_of(SpanOf::Request, trace.parts.front())};
    begin_span(root, bounds(trace));
    end_span();
    std::map<uint64_t, std::string> ids;  // of the parts' spans
    for (const TracePart& part : trace.parts) {
      if (part.model.empty()) continue;
      const auto parent = ids.find(part.parent_id);
      ids[part.id] = add_part(part, parent == ids.end() ? root.id : parent->second);
    }
  }

 private:
  using Bounds = std::pair<int64_t, int64_t>;

  static Bounds bounds(std::span<const TraceStamp> stamps) {
    if (stamps.empty()) return {0, 0};
    const auto [first, last] = std::ranges::minmax_element(stamps, {}, &TraceStamp::ns);
    return {first->ns, last->ns};
  }
  // From a request's first byte to its answer's last.
  static Bounds bounds(const FinishedTrace& trace) {
    std::vector<TraceStamp> stamps;
    for (const TracePart& part : trace.parts)
      stamps.insert(stamps.end(), part.stamps.begin(), part.stamps.end());
    return bounds(stamps);
  }

  std::string add_part(const TracePart& part, const std::string& parent) {
    const Span model{.id = hex(1),
                     .parent = parent,
                     .name = part.model,
                     .events = stamps_of(SpanOf::Model, part)};
    begin_span(model, bounds(model.events));
    json_.key("attributes").begin_array();
    attribute("triton.model_name", part.model);
    attribute("triton.model_version", part.version);
    attribute("triton.trace_id", static_cast<int64_t>(part.id));
    attribute("triton.trace_parent_id", static_cast<int64_t>(part.parent_id));
    if (!part.request_id.empty()) attribute("triton.request_id", part.request_id);
    json_.end_array();
    end_span();
    const Span compute{.id = hex(1),
                       .parent = model.id,
                       .name = std::string(kComputeSpan),
                       .events = stamps_of(SpanOf::Compute, part)};
    if (!compute.events.empty()) {
      begin_span(compute, bounds(compute.events));
      end_span();
    }
    return model.id;
  }

  void begin_span(const Span& span, Bounds bounds) {
    json_.begin_object();
    json_.key("traceId").string(trace_id_);
    json_.key("spanId").string(span.id);
    if (!state_.empty()) json_.key("traceState").string(state_);
    if (!span.parent.empty()) json_.key("parentSpanId").string(span.parent);
    json_.key("name").string(span.name);
    json_.key("kind").integer(kServerSpan);
    json_.key("startTimeUnixNano").string(wall(bounds.first));
    json_.key("endTimeUnixNano").string(wall(bounds.second));
    json_.key("events").begin_array();
    for (const TraceStamp& stamp : span.events) {
      json_.begin_object().key("timeUnixNano").string(wall(stamp.ns));
      json_.key("name").string(to_string(stamp.event)).end_object();
    }
    json_.end_array();
  }
  void end_span() { json_.end_object(); }

  // 64-bit numbers are strings in protobuf's JSON.
  void attribute(std::string_view key, std::string_view value) {
    begin_attribute(key).key("stringValue").string(value);
    end_attribute();
  }
  void attribute(std::string_view key, int64_t value) {
    begin_attribute(key).key("intValue").string(std::to_string(value));
    end_attribute();
  }
  JsonWriter& begin_attribute(std::string_view key) {
    return json_.begin_object().key("key").string(key).key("value").begin_object();
  }
  void end_attribute() { json_.end_object().end_object(); }

  std::string wall(int64_t ns) const { return std::to_string(ns + context_.wall_offset_ns); }
  std::string hex(int words) const {
    std::string digits;
    for (; words > 0; --words)
      digits += fmt::format("{:016x}", std::max<uint64_t>(1, context_.random()));
    return digits;
  }

  const OtlpContext& context_;
  JsonWriter json_;
  std::string trace_id_;  // of the trace that is being written, as the next
  std::string state_;
};

}  // namespace

size_t span_count(const FinishedTrace& trace) {
  return 1 + 2 * trace.parts.size();
}

std::string otlp_json(std::span<const FinishedTrace> traces, const OtlpContext& context) {
  Writer writer(context);
  for (const FinishedTrace& trace : traces) writer.add(trace);
  return std::move(writer).text();
}

}  // namespace neso
