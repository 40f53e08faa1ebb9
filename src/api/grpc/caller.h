// SPDX-License-Identifier: Apache-2.0
// What a call's context says of who asks, and how long he waits.
#pragma once

#include <grpcpp/server_context.h>

#include <chrono>

#include "base/clock.h"
#include "request/requests.h"

namespace neso::grpc_api {

// A deadline beyond a day is none.
inline Caller caller_of(const ::grpc::CallbackServerContext& context) {
  Caller caller{.client = client_of(context.peer())};
  const auto now = std::chrono::system_clock::now();
  const auto deadline = context.deadline();
  if (deadline >= now + std::chrono::hours(24)) return caller;
  const auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(deadline - now);
  caller.deadline_ns = system_clock().now_ns() + left.count();
  return caller;
}

}  // namespace neso::grpc_api
