// SPDX-License-Identifier: Apache-2.0
#include "api/triton/status.h"

#include <algorithm>

#include "base/json_writer.h"

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

namespace {

// The length of the UTF-8 character that starts the text, 0 when none does.
size_t character_length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  if (byte(0) < 0x80) return 1;
  const size_t length = byte(0) >= 0xF0 ? 4 : byte(0) >= 0xE0 ? 3 : 2;
  if (byte(0) < 0xC2 || byte(0) > 0xF4 || length > text.size()) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  return length;
}

std::string valid_utf8(std::string_view text) {
  std::string valid;
  while (!text.empty()) {
    const size_t length = character_length(text);
    valid += length == 0 ? "?" : text.substr(0, length);
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return valid;
}

}  // namespace

std::string error_body(std::string_view sentence) {
  JsonWriter writer;
  writer.begin_object().key("error").string(valid_utf8(sentence)).end_object();
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
