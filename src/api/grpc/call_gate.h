// SPDX-License-Identifier: Apache-2.0
// What every call passes first: the groups of calls that need a header, and a server that stops.
// It also knows what a stopping server waits for. Any thread.
#pragma once

#include <grpcpp/server_context.h>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "api/request_errors.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/result.h"
#include "base/thread_annotations.h"
#include "config/grpc_options.h"
#include "net/activity.h"
#include "net/refusal_log.h"

namespace neso::grpc_api {

// A call that lasts as long as its client likes.
class OpenStream {
 public:
  virtual ~OpenStream() = default;
  // The server stops: end it once what it was asked is answered.
  virtual void close_soon() = 0;
};

// Triton's words for a server that stops.
inline Error stopping_error() {
  return not_ready("GRPC server is shutting down and has stopped accepting new requests.");
}

class CallGate {
 public:
  explicit CallGate(RequiredHeaders restricted, std::shared_ptr<const RequestErrors> errors = {})
      : restricted_(std::move(restricted)), errors_(std::move(errors)) {}

  // May the call come in? `group` is one of the names of --grpc-restricted-protocol.
  Result<> admit(std::string_view group, const ::grpc::CallbackServerContext& context) const;

  // The status that ends a call, or a request of a stream, with this error, which is counted and
  // may get a line in the log. Once for each; `peer` is the context's.
  ::grpc::Status refuse(std::string_view peer, const Error& error);
  ::grpc::Status status(const ::grpc::CallbackServerContext& context, const Result<>& result) {
    return result ? ::grpc::Status::OK : refuse(context.peer(), result.error());
  }

  // Calls that must be finished before the server may stop.
  net::Activity& activity() { return activity_; }
  // From open to close a stream is told when the server stops, at once when it already does.
  void opened(const std::shared_ptr<OpenStream>& stream) EXCLUDES(mutex_);
  void closed(const OpenStream& stream) EXCLUDES(mutex_);

  // New requests are refused from now on.
  void stop_accepting() EXCLUDES(mutex_);
  bool stopping() const { return stopping_; }

 private:
  const RequiredHeaders restricted_;
  const std::shared_ptr<const RequestErrors> errors_;
  net::RefusalLog refusals_{system_clock()};
  net::Activity activity_;
  std::atomic<bool> stopping_ = false;
  Mutex mutex_;
  std::map<const OpenStream*, std::weak_ptr<OpenStream>> streams_ GUARDED_BY(mutex_);
};

}  // namespace neso::grpc_api
