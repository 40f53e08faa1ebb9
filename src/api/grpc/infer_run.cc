// SPDX-License-Identifier: Apache-2.0
#include "api/grpc/infer_run.h"

#include <utility>

#include "api/grpc/caller.h"
#include "api/grpc/infer_bytes.h"
#include "api/grpc/infer_request.h"
#include "api/grpc/model_version.h"
#include "api/hand_over.h"

namespace neso::grpc_api {
namespace {

std::string_view metadata(const ::grpc::CallbackServerContext& context, const char* key) {
  const auto sent = context.client_metadata().find(key);
  if (sent == context.client_metadata().end()) return {};
  return {sent->second.data(), sent->second.size()};
}

}  // namespace

InferRun::InferRun(const InferPort& port, const ::grpc::CallbackServerContext& context,
                   std::shared_ptr<const std::atomic<bool>> gone)
    : service_(port.service),
      wire_(port.memory, MemoryUse::Request),
      caller_(caller_of(context)),
      gone_(std::move(gone)) {
  if (!service_.tracer().active()) return;
  begun_ns_ = system_clock().now_ns();
  parent_ = parse_trace_context(metadata(context, "traceparent"), metadata(context, "tracestate"));
}

void InferRun::start(::grpc::ByteBuffer& bytes, From from, Completion<InferResponse> done) {
  const size_t size = bytes.Length();
  if (!wire_.resize(size)) return done(wire_.refusal(size));
  const bool is_short = size <= kReadAtOnce;
  const bool at_once = is_short || from == From::Stream;
  if (at_once) {
    if (!read(bytes, done)) return;
    const bool in_order = from == From::Stream && message_->parameters().contains("sequence_id");
    if (in_order || is_short) return go_on(in_order, std::move(done));
  }
  // Shared, because a std::function must be copyable.
  const auto carried = std::make_shared<Completion<InferResponse>>(std::move(done));
  ::grpc::ByteBuffer taken;
  taken.Swap(&bytes);
  service_.post([this, at_once, taken, carried]() mutable {
    if (!at_once && !read(taken, *carried)) return;
    if (auto request = decode(*carried)) infer(*std::move(request), std::move(*carried));
  });
}

// A short message, or one that must not be overtaken.
void InferRun::go_on(bool in_order, Completion<InferResponse> done) {
  auto request = decode(done);
  if (!request) return;
  const HandOver how = in_order ? HandOver::None : hand_over_of(*request);
  if (how == HandOver::None) return infer(*std::move(request), std::move(done));
  const auto work = std::make_shared<std::pair<InferRequest, Completion<InferResponse>>>(
      *std::move(request), std::move(done));
  hand_over(service_, how,
            [this, work] { infer(std::move(work->first), std::move(work->second)); });
}

bool InferRun::read(::grpc::ByteBuffer& bytes, Completion<InferResponse>& done) {
  auto message = read_infer(bytes);
  if (!message) {
    done(std::move(message).error());
    return false;
  }
  message_ = *std::move(message);
  return true;
}

// Empty when `done` has fired.
std::optional<InferRequest> InferRun::decode(Completion<InferResponse>& done) {
  const auto version = read_version(message_->model_version());
  if (!version) return done(version.error()), std::nullopt;
  auto request = decode_infer(message_, *version, service_.shared_memory());
  if (!request) {
    // An unknown model wins over whatever else is wrong with the request, as in Triton.
    const auto found = service_.check_model(message_->model_name(), *version);
    return done(found ? request.error() : found.error()), std::nullopt;
  }
  request->caller = caller_;
  request->gone = gone_;
  if (begun_ns_ != 0) begin_trace();
  request->trace = trace_;
  return *std::move(request);
}

void InferRun::infer(InferRequest request, Completion<InferResponse> done) {
  wire_.set(0);  // the service counts the tensors
  service_.infer(std::move(request), std::move(done));
}

void InferRun::begin_trace() {
  trace_ = service_.tracer().sample(message_->model_name(), parent_);
  if (!trace_) return;
  trace_->stamp(TraceEvent::GrpcWaitreadStart, begun_ns_);
  trace_->stamp(TraceEvent::GrpcWaitreadEnd, system_clock().now_ns());
}

}  // namespace neso::grpc_api
