// SPDX-License-Identifier: Apache-2.0
#include "net/own_answer.h"

#include <new>

#include "base/error.h"

namespace neso::net {
namespace {

constexpr int kUnavailable = 503;
constexpr std::string_view kAllowed = "GET, POST";

HttpResponse with_words(const HttpServerOptions& options, int status, const std::string& sentence) {
  HttpResponse response;
  response.status = status;
  if (status == 405) response.headers.emplace_back("Allow", kAllowed);
  if (status == kUnavailable) response.headers.emplace_back("Retry-After", "1");
  if (options.error_body) {
    response.body = options.error_body(status, sentence);
  } else {
    response.content_type = "text/plain";
    response.body = sentence + "\n";
  }
  return response;
}

HttpResponse without_words() noexcept {
  return {.status = kUnavailable, .content_type = {}, .headers = {}, .body = {}};
}

}  // namespace

HttpResponse own_answer(const HttpServerOptions& options, const Refusal& refusal) noexcept {
  try {
    return with_words(options, refusal.status, refusal.sentence);
  } catch (const std::bad_alloc&) {
    return without_words();
  }
}

HttpResponse own_answer(const HttpServerOptions& options, const Error& error) noexcept {
  constexpr int kFailed = 500;
  const int status = error.code == ErrorCode::Overloaded ? kUnavailable : kFailed;
  try {
    return with_words(options, status, error.message);
  } catch (const std::bad_alloc&) {
    return without_words();
  }
}

HttpResponse out_of_memory_answer(const HttpServerOptions& options) noexcept {
  try {
    return with_words(options, kUnavailable, out_of_memory().message);
  } catch (const std::bad_alloc&) {
    return without_words();
  }
}

}  // namespace neso::net
