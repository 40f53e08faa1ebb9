// SPDX-License-Identifier: Apache-2.0
#include "api/grpc/unary_infer.h"

#include <chrono>
#include <new>
#include <utility>

#include "api/grpc/call_gate.h"
#include "api/grpc/caller.h"
#include "api/grpc/compression.h"
#include "api/grpc/grpc_status.h"
#include "api/grpc/infer_bytes.h"
#include "api/grpc/infer_request.h"
#include "base/contain.h"

namespace neso::grpc_api {
namespace {

// Deletes itself when gRPC is done with it.
class UnaryInfer final : public ::grpc::ServerUnaryReactor {
 public:
  UnaryInfer(const InferPort& port, ::grpc::CallbackServerContext& context,
             ::grpc::ByteBuffer& response)
      : gate_(port.gate), context_(context), response_(response), run_(port, context, gone_) {
    gate_.activity().request_begun();
  }

  void start(::grpc::ByteBuffer& bytes) {
    contain("a gRPC request", [&] {
      run_.start(bytes, InferRun::From::Call,
                 Completion<InferResponse>(
                     [this](Result<InferResponse> result) { finish(std::move(result)); }));
    });
  }

  void OnCancel() override { gone_->store(true); }
  void OnDone() override {
    run_.stamp(TraceEvent::GrpcSendEnd);
    gate_.activity().requests_ended(1);
    delete this;
  }

 private:
  // Not a public customisation point of gRPC, but without it each call costs a hop to another
  // thread, for a deletion. Nothing above blocks.
  bool InternalInlineable() override { return true; }

  void finish(Result<InferResponse> result) {
    run_.stamp(TraceEvent::InferResponseComplete);
    ::grpc::Status status;
    try {
      if (result) {
        response_ = infer_bytes(encode_infer(*result), result->outputs);
        run_.hold_answer(response_.Length());
      } else {
        status = failed(result.error());
      }
    } catch (const std::bad_alloc&) {
      status = gate_.refuse(context_.peer(), out_of_memory());
    }
    run_.stamp(TraceEvent::GrpcSendStart);
    Finish(std::move(status));  // this may be gone now
  }

  ::grpc::Status failed(const Error& error) {
    add_retry_hint(context_, error);
    ::grpc::Status status = gate_.refuse(context_.peer(), error);
    if (is_over_time(error, context_.deadline(), std::chrono::system_clock::now())) {
      return {::grpc::StatusCode::DEADLINE_EXCEEDED,
              "the call's deadline passed before the request ran"};
    }
    return status;
  }

  CallGate& gate_;
  ::grpc::CallbackServerContext& context_;
  ::grpc::ByteBuffer& response_;
  const std::shared_ptr<std::atomic<bool>> gone_ = std::make_shared<std::atomic<bool>>(false);
  InferRun run_;
};

}  // namespace

::grpc::ServerUnaryReactor* start_unary_infer(const InferPort& port,
                                              ::grpc::CallbackServerContext& context,
                                              ::grpc::ByteBuffer& request,
                                              ::grpc::ByteBuffer& response) {
  Result<> admitted = port.gate.admit("inference", context);
  if (admitted && port.gate.stopping()) admitted = stopping_error();
  if (!admitted) {
    ::grpc::ServerUnaryReactor* refusal = context.DefaultReactor();
    refusal->Finish(port.gate.status(context, admitted));
    return refusal;
  }
  compress_answers(context, port.compression);
  auto* call = new UnaryInfer(port, context, response);
  call->start(request);
  return call;
}

}  // namespace neso::grpc_api
