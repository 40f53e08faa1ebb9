// SPDX-License-Identifier: Apache-2.0
// One infer request on its way from bytes to the service, for both infer calls. What is short is
// read on gRPC's thread; long texts and long messages go to the service's workers.
#pragma once

#include <grpc_service.pb.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "base/completion.h"
#include "base/memory_budget.h"
#include "config/grpc_options.h"
#include "request/requests.h"
#include "serving/service.h"

namespace neso::grpc_api {

class CallGate;

// What every infer call uses; all of it outlives the server's calls.
struct InferPort {
  Service& service;
  CallGate& gate;
  MemoryBudget* memory;  // that messages count against; may be null
  CompressionLevel compression;
};

class InferRun {
 public:
  // `context`: of the call, looked at here only.
  InferRun(const InferPort& port, const ::grpc::CallbackServerContext& context,
           std::shared_ptr<const std::atomic<bool>> gone);

  // Once; lets go of `bytes`. `done` fires on this thread or another one; until then the run must
  // live. Of a stream: what belongs to a sequence is with its model when start() returns, so that
  // the sequence runs in the stream's order.
  enum class From { Call, Stream };
  void start(::grpc::ByteBuffer& bytes, From from, Completion<InferResponse> done);

  // After `done`: its answer waits to be written, and counts against the memory as long as the run
  // lives.
  void hold_answer(size_t bytes) { wire_.set(bytes); }

  // When the request is traced. After `done`, or from within it.
  void stamp(TraceEvent event) const {
    if (trace_) trace_->stamp(event, system_clock().now_ns());
  }

  // Of the message, empty before it was read: for the answer to a request that failed.
  std::string_view id() const { return message_ ? std::string_view(message_->id()) : ""; }
  std::string_view model() const {
    return message_ ? std::string_view(message_->model_name()) : "";
  }

 private:
  // False when `done` has fired.
  bool read(::grpc::ByteBuffer& bytes, Completion<InferResponse>& done);
  void go_on(bool in_order, Completion<InferResponse> done);
  std::optional<InferRequest> decode(Completion<InferResponse>& done);
  void infer(InferRequest request, Completion<InferResponse> done);
  void begin_trace();

  Service& service_;
  MemoryShare wire_;
  const Caller caller_;
  std::shared_ptr<const std::atomic<bool>> gone_;
  std::shared_ptr<const inference::ModelInferRequest> message_;
  int64_t begun_ns_ = 0;                // 0: nothing is traced
  std::optional<TraceContext> parent_;  // whose trace the call belongs to
  std::shared_ptr<Trace> trace_;        // null: not sampled
};

}  // namespace neso::grpc_api
