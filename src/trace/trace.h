// SPDX-License-Identifier: Apache-2.0
// One sampled request: what happened to it and when, model by model. Requests that are not sampled
// carry a null pointer, and cost nothing.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/thread_annotations.h"
#include "config/trace_options.h"
#include "tensor/tensor.h"
#include "trace/trace_context.h"

namespace neso {

enum class TraceEvent : uint8_t {
  HttpRecvStart,
  HttpRecvEnd,
  HttpSendStart,
  HttpSendEnd,
  GrpcWaitreadStart,
  GrpcWaitreadEnd,
  GrpcSendStart,
  GrpcSendEnd,
  RequestStart,
  QueueStart,
  ComputeStart,
  ComputeInputEnd,
  ComputeOutputStart,
  ComputeEnd,
  RequestEnd,
  InferResponseComplete
};
std::string_view to_string(TraceEvent event);  // Triton's words

enum class TensorEvent : uint8_t { QueueInput, BackendInput, BackendOutput };
std::string_view to_string(TensorEvent event);

struct TraceStamp {
  TraceEvent event = TraceEvent::RequestStart;
  int64_t ns = 0;  // of system_clock().now_ns()
};
struct TracedTensor {
  TensorEvent event = TensorEvent::QueueInput;
  NamedTensor tensor;
};

// One model's part in a request.
struct TracePart {
  uint64_t id = 0;
  uint64_t parent_id = 0;  // of the ensemble's part; 0: none
  std::string model = {};  // empty: the request was refused before it reached one
  int64_t version = 0;
  std::string request_id = {};
  std::vector<TraceStamp> stamps = {};
  std::vector<TracedTensor> tensors = {};

  std::optional<int64_t> at(TraceEvent event) const;
};

// What the traces of one setting have in common while it lasts: sampling, and for a sink which of
// them belong together.
struct TraceSeries {
  explicit TraceSeries(const TraceSettings& with) : settings(with), remaining(with.count) {}
  const TraceSettings settings;
  std::atomic<uint64_t> requests = 0;  // that were looked at
  std::atomic<int32_t> remaining;      // of settings.count; -1: any number
  std::atomic<uint64_t> created = 0;   // traces
};

struct FinishedTrace {
  std::shared_ptr<TraceSeries> series;
  std::optional<TraceContext> caller;
  std::deque<TracePart> parts;  // the root first
};

// Where traces go. Any thread; never blocks.
class TraceSink {
 public:
  virtual ~TraceSink() = default;
  virtual void take(FinishedTrace trace) noexcept = 0;
  // The series gets no further traces but those under way.
  virtual void ended(const std::shared_ptr<TraceSeries>& series) noexcept = 0;
  // Writes what was taken; what comes later is dropped. May block.
  virtual void close() = 0;
};

// A handle on one part. With the last handle of a request the sink gets the whole. Any thread.
class Trace {
 public:
  // Ids come from `ids`, which outlives the trace.
  static std::shared_ptr<Trace> begin(std::shared_ptr<TraceSeries> series,
                                      std::optional<TraceContext> caller,
                                      std::shared_ptr<TraceSink> sink, std::atomic<uint64_t>& ids);
  // The part of a model that an ensemble asks.
  std::shared_ptr<Trace> child();

  // The model that was found for it; stamps RequestStart.
  void reached(std::string_view model, int64_t version, std::string_view request_id,
               int64_t now_ns);
  void stamp(TraceEvent event, int64_t ns);
  // A part of the request ran; of several executions the first begin and the last end count.
  void computed(int64_t start_ns, int64_t input_end_ns, int64_t output_start_ns, int64_t end_ns);
  // Nothing unless the level asks for tensors.
  void tensors(TensorEvent event, std::span<const NamedTensor> tensors);

 private:
  struct Whole;
  Trace(std::shared_ptr<Whole> whole, TracePart& part) : whole_(std::move(whole)), part_(part) {}
  const std::shared_ptr<Whole> whole_;
  TracePart& part_;  // under the whole's lock
};

}  // namespace neso
