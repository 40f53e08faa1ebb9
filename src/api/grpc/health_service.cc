// SPDX-License-Identifier: Apache-2.0
#include "api/grpc/health_service.h"

#include <grpcpp/alarm.h>
#include <health.grpc.pb.h>

#include <optional>
#include <utility>

#include "api/grpc/grpc_status.h"
#include "base/thread_annotations.h"

namespace neso::grpc_api {
namespace {

using ::grpc::CallbackServerContext;
using ::grpc::health::v1::Health;
using ::grpc::health::v1::HealthCheckRequest;
using ::grpc::health::v1::HealthCheckResponse;
using std::chrono::milliseconds;

HealthCheckResponse::ServingStatus state_of(const Service& service) {
  return service.ready() ? HealthCheckResponse::SERVING : HealthCheckResponse::NOT_SERVING;
}

// Writes the state, sleeps, and writes again when it has changed. Keeps itself alive until gRPC is
// done with it; one thing is under way at any time, a write or an alarm, and after it the next.
class HealthWatch final : public ::grpc::ServerWriteReactor<HealthCheckResponse>,
                          public OpenStream,
                          public std::enable_shared_from_this<HealthWatch> {
 public:
  HealthWatch(const Service& service, CallGate& gate, milliseconds look_every)
      : service_(service), gate_(gate), look_every_(look_every) {
    gate_.activity().request_begun();
  }

  void start() {
    self_ = shared_from_this();
    look();
    gate_.opened(self_);
  }

  void OnWriteDone(bool ok) override EXCLUDES(mutex_) {
    if (ok) return sleep();
    Finish(::grpc::Status::CANCELLED);
  }
  void OnCancel() override { end(::grpc::Status::CANCELLED); }
  void close_soon() override { end(to_status(stopping_error())); }
  void OnDone() override {
    gate_.closed(*this);
    gate_.activity().requests_ended(1);
    self_.reset();  // this may be gone now
  }

 private:
  void look() {
    const auto state = state_of(service_);
    if (state == told_) return sleep();
    told_ = state;
    message_.set_status(state);
    StartWrite(&message_);
  }

  void sleep() EXCLUDES(mutex_) {
    std::optional<::grpc::Status> ending;
    {
      MutexLock lock(mutex_);
      ending = ending_;
      if (!ending) {
        alarm_.Set(std::chrono::system_clock::now() + look_every_,
                   [weak = weak_from_this()](bool) {  // the alarm keeps it, fired or not
                     if (const auto self = weak.lock()) self->wake();
                   });
      }
    }
    if (ending) Finish(*std::move(ending));
  }

  void wake() EXCLUDES(mutex_) {
    std::optional<::grpc::Status> ending;
    {
      MutexLock lock(mutex_);
      ending = ending_;
    }
    // A watcher of a server that stops is told so first.
    if (ending && ending->error_code() == ::grpc::StatusCode::CANCELLED) {
      return Finish(*std::move(ending));
    }
    look();
  }

  // After what is under way.
  void end(::grpc::Status status) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (!ending_) ending_ = std::move(status);
    alarm_.Cancel();
  }

  const Service& service_;
  CallGate& gate_;
  const milliseconds look_every_;
  std::shared_ptr<HealthWatch> self_;
  HealthCheckResponse message_;
  std::optional<HealthCheckResponse::ServingStatus> told_;

  Mutex mutex_;
  ::grpc::Alarm alarm_ GUARDED_BY(mutex_);
  std::optional<::grpc::Status> ending_ GUARDED_BY(mutex_);
};

// A watcher that is refused.
class Refusal final : public ::grpc::ServerWriteReactor<HealthCheckResponse> {
 public:
  explicit Refusal(::grpc::Status status) { Finish(std::move(status)); }
  void OnDone() override { delete this; }
};

class HealthService final : public Health::CallbackService {
 public:
  HealthService(neso::Service& service, CallGate& gate, milliseconds look_every)
      : service_(service), gate_(gate), look_every_(look_every) {}

  ::grpc::ServerUnaryReactor* Check(CallbackServerContext* context, const HealthCheckRequest*,
                                    HealthCheckResponse* response) override {
    const auto admitted = gate_.admit("health", *context);
    response->set_status(state_of(service_));
    ::grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(gate_.status(*context, admitted));
    return reactor;
  }

  ::grpc::ServerWriteReactor<HealthCheckResponse>* Watch(CallbackServerContext* context,
                                                         const HealthCheckRequest*) override {
    if (const auto admitted = gate_.admit("health", *context); !admitted)
      return new Refusal(gate_.status(*context, admitted));
    const auto watch = std::make_shared<HealthWatch>(service_, gate_, look_every_);
    watch->start();
    return watch.get();
  }

 private:
  neso::Service& service_;  // the base class has a Service of its own
  CallGate& gate_;
  const milliseconds look_every_;
};

}  // namespace

std::unique_ptr<::grpc::Service> make_health_service(Service& service, CallGate& gate,
                                                     milliseconds look_every) {
  return std::make_unique<HealthService>(service, gate, look_every);
}

}  // namespace neso::grpc_api
