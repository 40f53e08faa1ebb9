// SPDX-License-Identifier: Apache-2.0
#include "api/triton/status.h"

#include "base/cut_text.h"
#include "base/json_writer.h"
#include "base/printable.h"

namespace neso::triton {

int http_status(ErrorCode code) {
  switch (code) {
    case ErrorCode::InvalidArgument:
    case ErrorCode::AlreadyExists:
    case ErrorCode::TooLarge:
    case ErrorCode::Cancelled:
      return 400;
    case ErrorCode::NotFound:
      return 404;
    case ErrorCode::Unsupported:
      return 501;
    case ErrorCode::Overloaded:
    case ErrorCode::NotReady:
    case ErrorCode::DeadlineExceeded:
      return 503;
    case ErrorCode::Internal:
      return 500;
  }
  return 500;
}

bool failed_after_queueing(const Error& error) {
  return error.code == ErrorCode::Internal || error.code == ErrorCode::DeadlineExceeded ||
         error.code == ErrorCode::Cancelled;
}

RequestErrorReason error_reason(int http_status) {
  switch (http_status) {
    case 401:
    case 403:
      return RequestErrorReason::Forbidden;
    case 404:
      return RequestErrorReason::NotFound;
    case 408:
      return RequestErrorReason::TimedOut;
    case 413:
    case 414:
    case 431:
      return RequestErrorReason::TooLarge;
    case 405:
    case 415:
    case 417:
    case 501:
    case 505:
      return RequestErrorReason::Unsupported;
    case 503:
      return RequestErrorReason::Unavailable;
    default:
      return http_status < 500 ? RequestErrorReason::InvalidArgument : RequestErrorReason::Internal;
  }
}

std::string error_body(std::string_view sentence) {
  constexpr size_t kMaxBody = 1024;
  const std::string whole = printable(sentence.substr(0, 2 * kMaxBody));
  for (size_t most = kMaxBody - 64;; most /= 2) {  // escapes make it longer than it is
    JsonWriter writer;
    writer.begin_object().key("error");
    writer.string(whole.size() > most ? std::string(cut_text(whole, most)) + "..." : whole);
    writer.end_object();
    if (std::string body = std::move(writer).text(); body.size() <= kMaxBody) return body;
  }
}

net::HttpResponse error_response(int status, std::string_view sentence,
                                 std::string_view content_type) {
  net::HttpResponse response;
  response.status = status;
  response.content_type = content_type;
  response.body = error_body(sentence);
  return response;
}

net::HttpResponse error_response(const Error& error, std::string_view content_type) {
  net::HttpResponse response = error_response(http_status(error.code), error.message, content_type);
  if (error.code == ErrorCode::Overloaded) {
    // Whole seconds, rounded up; clients that know the second header prefer it.
    const uint32_t wait_ms = error.retry_after_ms;
    const uint32_t seconds = std::max<uint32_t>(1, wait_ms / 1000 + (wait_ms % 1000 != 0 ? 1 : 0));
    response.headers.emplace_back("Retry-After", std::to_string(seconds));
    if (wait_ms != 0) response.headers.emplace_back("Retry-After-Ms", std::to_string(wait_ms));
  }
  return response;
}

}  // namespace neso::triton
