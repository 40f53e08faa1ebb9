// SPDX-License-Identifier: Apache-2.0
#include "api/grpc/stream_infer.h"

#include <deque>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>

#include "api/grpc/call_gate.h"
#include "api/grpc/caller.h"
#include "api/grpc/compression.h"
#include "api/grpc/grpc_status.h"
#include "api/grpc/infer_bytes.h"
#include "api/grpc/infer_request.h"
#include "base/contain.h"
#include "base/thread_annotations.h"

namespace neso::grpc_api {
namespace {

using ::grpc::ByteBuffer;
using Reactor = ::grpc::ServerBidiReactor<ByteBuffer, ByteBuffer>;

// Requests that are read and not yet answered; further ones wait at the client.
constexpr size_t kMaxInFlight = 1024;
constexpr const char* kFinalResponse = "triton_final_response";

bool wants_status(const ::grpc::CallbackServerContext& context) {
  const auto sent = context.client_metadata().find("triton_grpc_error");
  return sent != context.client_metadata().end() && sent->second == "true";
}

// It was queued, so that an engine, its client or its time ended it.
bool failed_in_execution(const Error& error) {
  return error.code == ErrorCode::Internal || error.code == ErrorCode::Cancelled ||
         error.code == ErrorCode::DeadlineExceeded;
}

// Keeps itself alive until gRPC is done with it; requests that run on keep it longer. What gRPC is
// asked to do next is decided under the lock and done outside of it, because gRPC may call back at
// once.
class StreamInfer final : public Reactor,
                          public OpenStream,
                          public std::enable_shared_from_this<StreamInfer> {
 public:
  StreamInfer(const InferPort& port, const ::grpc::CallbackServerContext& context)
      : port_(port), context_(context), ends_at_failure_(wants_status(context)) {
    port_.gate.activity().request_begun();
  }

  void start() {
    self_ = shared_from_this();
    go_on();
    port_.gate.opened(self_);
  }

  void close_soon() override EXCLUDES(mutex_) {
    {
      MutexLock lock(mutex_);
      closing_ = true;
    }
    go_on();
  }

  void OnReadDone(bool ok) override EXCLUDES(mutex_) {
    std::shared_ptr<Turn> turn;
    ByteBuffer bytes;
    {
      MutexLock lock(mutex_);
      half_closed_ = !ok;
      if (ok) {
        bytes.Swap(&incoming_);
        turn = turns_.emplace_back(std::make_shared<Turn>(port_, context_, gone_));
      }
    }
    if (turn) contain("a gRPC request", [&] { begin(turn, bytes); });
    {
      // Only now: whoever answers an earlier request meanwhile would start the next read, and that
      // one's request could be begun before this one.
      MutexLock lock(mutex_);
      reading_ = false;
    }
    go_on();
  }

  void OnWriteDone(bool ok) override EXCLUDES(mutex_) {
    {
      MutexLock lock(mutex_);
      writing_ = false;
      turns_.front()->run.stamp(TraceEvent::GrpcSendEnd);
      turns_.pop_front();
      if (!ok) broken_ = ::grpc::Status::CANCELLED;
    }
    go_on();
  }

  void OnCancel() override {
    gone_->store(true);
    go_on();
  }

  void OnDone() override {
    port_.gate.closed(*this);
    port_.gate.activity().requests_ended(1);
    self_.reset();  // this may be gone now
  }

 private:
  struct Turn {
    Turn(const InferPort& port, const ::grpc::CallbackServerContext& context,
         std::shared_ptr<const std::atomic<bool>> gone)
        : run(port, context, std::move(gone)) {}
    InferRun run;
    std::optional<ByteBuffer> answer = {};       // guarded by the stream's mutex, as the next
    std::optional<::grpc::Status> failure = {};  // in execution
  };
  struct Step {
    bool read = false;
    const ByteBuffer* write = nullptr;
    std::optional<::grpc::Status> finish = {};
  };

  void begin(const std::shared_ptr<Turn>& turn, ByteBuffer& bytes) {
    Completion<InferResponse> done(
        [self = shared_from_this(), turn](const Result<InferResponse>& result) {
          self->answer(*turn, result);
        });
    if (port_.gate.stopping()) return done(stopping_error());
    turn->run.start(bytes, InferRun::From::Stream, std::move(done));
  }

  void answer(Turn& turn, const Result<InferResponse>& result) EXCLUDES(mutex_) {
    turn.run.stamp(TraceEvent::InferResponseComplete);
    std::optional<ByteBuffer> bytes;
    try {
      bytes = answer_bytes(turn, result);
      turn.run.hold_answer(bytes->Length());
    } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch): told below
    }
    {
      MutexLock lock(mutex_);
      if (!bytes) broken_ = to_status(out_of_memory());
      turn.answer = bytes;
      if (!result && !finished_) {  // then the gate is still there
        ::grpc::Status failure = port_.gate.refuse(context_.peer(), result.error());
        if (failed_in_execution(result.error())) turn.failure = std::move(failure);
      }
    }
    go_on();
  }

  static ByteBuffer answer_bytes(const Turn& turn, const Result<InferResponse>& result) {
    if (result) {
      inference::ModelInferResponse head = encode_infer(*result);
      (*head.mutable_parameters())[kFinalResponse].set_bool_param(true);
      return stream_infer_bytes(head, result->outputs);
    }
    inference::ModelStreamInferResponse message;
    message.set_error_message(result.error().message);
    auto& head = *message.mutable_infer_response();
    head.set_id(std::string(turn.run.id()));
    if (failed_in_execution(result.error())) {
      head.set_model_name(std::string(turn.run.model()));
      (*head.mutable_parameters())[kFinalResponse].set_bool_param(true);
    }
    return message_bytes(message);
  }

  // One thread at a time, so that nothing is asked of gRPC after Finish.
  void go_on() EXCLUDES(mutex_) {
    const auto self = shared_from_this();
    MutexLock lock(mutex_);
    look_again_ = true;
    if (std::exchange(acting_, true)) return;
    while (std::exchange(look_again_, false)) act(next());
    acting_ = false;
  }

  void act(Step step) REQUIRES(mutex_) {
    mutex_.unlock();
    if (step.read) StartRead(&incoming_);
    if (step.write != nullptr) StartWrite(step.write);
    if (step.finish) Finish(*std::move(step.finish));
    mutex_.lock();
  }

  Step next() REQUIRES(mutex_) {
    if (finished_ || writing_) return {.read = read_on()};
    if (gone_->load()) return finish(::grpc::Status::CANCELLED);
    if (broken_) return finish(*broken_);
    if (turns_.empty()) {
      if (half_closed_) return finish(::grpc::Status::OK);
      if (closing_) return finish(to_status(stopping_error()));
      return {.read = read_on()};
    }
    const Turn& front = *turns_.front();
    if (!front.answer) return {.read = read_on()};
    if (ends_at_failure_ && front.failure) return finish(*front.failure);
    writing_ = true;
    front.run.stamp(TraceEvent::GrpcSendStart);
    return {.read = read_on(), .write = &*front.answer};
  }

  bool read_on() REQUIRES(mutex_) {
    if (finished_ || reading_ || half_closed_ || turns_.size() >= kMaxInFlight) return false;
    reading_ = true;
    return true;
  }

  Step finish(::grpc::Status status) REQUIRES(mutex_) {
    finished_ = true;
    gone_->store(true);  // for what is still under way
    return {.finish = std::move(status)};
  }

  const InferPort port_;
  const ::grpc::CallbackServerContext& context_;  // until OnDone
  const bool ends_at_failure_;
  const std::shared_ptr<std::atomic<bool>> gone_ = std::make_shared<std::atomic<bool>>(false);
  std::shared_ptr<StreamInfer> self_;
  ByteBuffer incoming_;  // gRPC's while reading_

  Mutex mutex_;
  std::deque<std::shared_ptr<Turn>> turns_ GUARDED_BY(mutex_);
  bool reading_ GUARDED_BY(mutex_) = false;
  bool writing_ GUARDED_BY(mutex_) = false;  // the front turn's answer
  bool half_closed_ GUARDED_BY(mutex_) = false;
  bool closing_ GUARDED_BY(mutex_) = false;
  bool finished_ GUARDED_BY(mutex_) = false;
  bool acting_ GUARDED_BY(mutex_) = false;
  bool look_again_ GUARDED_BY(mutex_) = false;
  std::optional<::grpc::Status> broken_ GUARDED_BY(mutex_);  // how the stream ends
};

// A stream that is refused.
class Refusal final : public Reactor {
 public:
  explicit Refusal(::grpc::Status status) { Finish(std::move(status)); }
  void OnDone() override { delete this; }
};

}  // namespace

Reactor* start_stream_infer(const InferPort& port, ::grpc::CallbackServerContext& context) {
  Result<> admitted = port.gate.admit("inference", context);
  if (admitted && port.gate.stopping()) admitted = stopping_error();
  if (!admitted) return new Refusal(port.gate.status(context, admitted));
  compress_answers(context, port.compression);
  const auto stream = std::make_shared<StreamInfer>(port, context);
  stream->start();
  return stream.get();
}

}  // namespace neso::grpc_api
