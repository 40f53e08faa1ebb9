// SPDX-License-Identifier: Apache-2.0
#include "api/grpc/grpc_status.h"

#include <algorithm>
#include <string>

#include "base/cut_text.h"
#include "base/printable.h"

namespace neso::grpc_api {
namespace {

// Clients take 8 KiB of metadata by default, and a byte of the sentence may be sent as three.
constexpr size_t kMaxSentence = 2048;

}  // namespace

::grpc::StatusCode status_code(ErrorCode code) {
  switch (code) {
    case ErrorCode::InvalidArgument:
      return ::grpc::StatusCode::INVALID_ARGUMENT;
    case ErrorCode::NotFound:
      return ::grpc::StatusCode::NOT_FOUND;
    case ErrorCode::AlreadyExists:
      return ::grpc::StatusCode::ALREADY_EXISTS;
    case ErrorCode::Unsupported:
      return ::grpc::StatusCode::UNIMPLEMENTED;
    case ErrorCode::TooLarge:
      return ::grpc::StatusCode::RESOURCE_EXHAUSTED;
    case ErrorCode::Overloaded:
    case ErrorCode::NotReady:
    case ErrorCode::DeadlineExceeded:  // of the queue; the call's own: UnaryInfer
      return ::grpc::StatusCode::UNAVAILABLE;
    case ErrorCode::Cancelled:
      return ::grpc::StatusCode::CANCELLED;
    case ErrorCode::Internal:
      return ::grpc::StatusCode::INTERNAL;
  }
  return ::grpc::StatusCode::INTERNAL;
}

RequestErrorReason error_reason(ErrorCode code) {
  switch (code) {
    case ErrorCode::InvalidArgument:
    case ErrorCode::AlreadyExists:
      return RequestErrorReason::InvalidArgument;
    case ErrorCode::NotFound:
      return RequestErrorReason::NotFound;
    case ErrorCode::Unsupported:
      return RequestErrorReason::Unsupported;
    case ErrorCode::TooLarge:
      return RequestErrorReason::TooLarge;
    case ErrorCode::Overloaded:
    case ErrorCode::NotReady:
    case ErrorCode::DeadlineExceeded:
      return RequestErrorReason::Unavailable;
    case ErrorCode::Cancelled:
      return RequestErrorReason::Cancelled;
    case ErrorCode::Internal:
      return RequestErrorReason::Internal;
  }
  return RequestErrorReason::Internal;
}

::grpc::Status to_status(const Error& error) {
  return {status_code(error.code), std::string(cut_text(printable(error.message), kMaxSentence))};
}

::grpc::Status to_status(const Result<>& result) {
  return result ? ::grpc::Status::OK : to_status(result.error());
}

bool is_over_time(const Error& error, std::chrono::system_clock::time_point deadline,
                  std::chrono::system_clock::time_point now) {
  const bool ended =
      error.code == ErrorCode::Cancelled || error.code == ErrorCode::DeadlineExceeded;
  return ended && deadline <= now;
}

void add_retry_hint(::grpc::ServerContextBase& context, const Error& error) {
  if (error.code != ErrorCode::Overloaded) return;
  const uint32_t wait_ms = std::max<uint32_t>(error.retry_after_ms, 1);
  context.AddTrailingMetadata("retry-after", std::to_string((uint64_t{wait_ms} + 999) / 1000));
  // What gRPC's own retries obey, where a client's service config turns them on.
  if (error.retry_after_ms != 0)
    context.AddTrailingMetadata("grpc-retry-pushback-ms", std::to_string(wait_ms));
}

}  // namespace neso::grpc_api
