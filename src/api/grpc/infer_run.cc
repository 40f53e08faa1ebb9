// SPDX-License-Identifier: Apache-2.0
#include "api/grpc/infer_run.h"

#include <utility>

#include "api/grpc/caller.h"
#include "api/grpc/infer_bytes.h"
#include "api/grpc/infer_request.h"
#include "api/grpc/model_version.h"

namespace neso::grpc_api {
namespace {

// Reading as many bytes takes no longer than handing them to another thread.
constexpr size_t kReadAtOnce = size_t{16} << 10;
// A query: tokenizing it takes a few times as long, but the workers may be busy with long texts.
constexpr size_t kTokenizedAtOnce = 768;
constexpr size_t kTokenizedBriefly = 2048;

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
  const bool at_once = size <= kReadAtOnce || from == From::Stream;
  if (at_once) {
    if (!read(bytes, done)) return;
    const bool in_order = from == From::Stream && message_->parameters().contains("sequence_id");
    const bool is_quick =
        size <= kReadAtOnce && (size <= kTokenizedAtOnce || !holds_texts(*message_));
    if (in_order || is_quick) return infer(std::move(done));
  }
  // Shared, because a std::function must be copyable.
  const auto carried = std::make_shared<Completion<InferResponse>>(std::move(done));
  ::grpc::ByteBuffer taken;
  taken.Swap(&bytes);
  auto task = [this, at_once, taken, carried]() mutable {
    if (at_once || read(taken, *carried)) infer(std::move(*carried));
  };
  size <= kTokenizedBriefly ? service_.post_brief(std::move(task)) : service_.post(std::move(task));
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

void InferRun::infer(Completion<InferResponse> done) {
  const auto version = read_version(message_->model_version());
  if (!version) return done(version.error());
  auto request = decode_infer(message_, *version, service_.shared_memory());
  if (!request) {
    // An unknown model wins over whatever else is wrong with the request, as in Triton.
    const auto found = service_.check_model(message_->model_name(), *version);
    return done(found ? request.error() : found.error());
  }
  request->caller = caller_;
  request->gone = gone_;
  if (begun_ns_ != 0) begin_trace();
  request->trace = trace_;
  wire_.set(0);  // the service counts the tensors
  service_.infer(*std::move(request), std::move(done));
}

void InferRun::begin_trace() {
  trace_ = service_.tracer().sample(message_->model_name(), parent_);
  if (!trace_) return;
  trace_->stamp(TraceEvent::GrpcWaitreadStart, begun_ns_);
  trace_->stamp(TraceEvent::GrpcWaitreadEnd, system_clock().now_ns());
}

}  // namespace neso::grpc_api
