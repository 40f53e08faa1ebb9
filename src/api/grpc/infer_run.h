// SPDX-License-Identifier: Apache-2.0
// One infer request on its way from bytes to the service, for both infer calls. What is short is
// read on gRPC's thread; texts and long messages go to the service's workers.
#pragma once

#include <grpc_service.pb.h>
#include <grpcpp/support/byte_buffer.h>

#include <atomic>
#include <memory>
#include <string_view>

#include "base/completion.h"
#include "base/memory_budget.h"
#include "config/grpc_options.h"
#include "serving/requests.h"
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
  InferRun(const InferPort& port, std::shared_ptr<const std::atomic<bool>> gone)
      : service_(port.service), wire_(port.memory, MemoryUse::Request), gone_(std::move(gone)) {}

  // Once; lets go of `bytes`. `done` fires on this thread or another one; until then the run must
  // live. Of a stream: what belongs to a sequence is with its model when start() returns, so that
  // the sequence runs in the stream's order.
  enum class From { Call, Stream };
  void start(::grpc::ByteBuffer& bytes, From from, Completion<InferResponse> done);

  // After `done`: its answer waits to be written, and counts against the memory as long as the run
  // lives.
  void hold_answer(size_t bytes) { wire_.set(bytes); }

  // Of the message, empty before it was read: for the answer to a request that failed.
  std::string_view id() const { return message_ ? std::string_view(message_->id()) : ""; }
  std::string_view model() const {
    return message_ ? std::string_view(message_->model_name()) : "";
  }

 private:
  // False when `done` has fired.
  bool read(::grpc::ByteBuffer& bytes, Completion<InferResponse>& done);
  void infer(Completion<InferResponse> done);

  Service& service_;
  MemoryShare wire_;
  std::shared_ptr<const std::atomic<bool>> gone_;
  std::shared_ptr<const inference::ModelInferRequest> message_;
};

}  // namespace neso::grpc_api
