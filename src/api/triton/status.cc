// SPDX-License-Identifier: Apache-2.0
#include "api/triton/status.h"

#include "base/json_writer.h"

namespace neso::triton {

int http_status(ErrorCode code) {
  switch (code) {
    case ErrorCode::InvalidArgument:
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

std::string error_body(std::string_view sentence) {
  JsonWriter writer;
  writer.begin_object().key("error").string(sentence).end_object();
  return std::move(writer).text();
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
  if (error.code == ErrorCode::Overloaded) response.headers.emplace_back("Retry-After", "1");
  return response;
}

}  // namespace neso::triton
