// SPDX-License-Identifier: Apache-2.0
// The HTTP request parser on any bytes, under small limits. However the bytes are cut into pieces,
// the same requests must come out and the same refusal, and nothing may exceed its limit.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "net/request_parser.h"

namespace {

using neso::net::ParsedRequest;
using neso::net::RequestLimits;
using neso::net::RequestParser;

RequestLimits small_limits() {
  RequestLimits limits;
  limits.head = {.max_header_bytes = 2048, .max_headers = 20, .max_target_bytes = 256};
  limits.max_body_bytes = 4096;
  limits.max_chunks = 64;
  return limits;
}

struct Outcome {
  std::vector<ParsedRequest> requests;
  int refusal = 0;
};

Outcome parse(std::string_view bytes, size_t piece) {
  Outcome outcome;
  RequestParser parser(small_limits(), "Inference-Header-Content-Length");
  std::string rest;
  for (size_t at = 0; at < bytes.size(); at += piece) {
    rest += bytes.substr(at, piece);
    for (;;) {
      size_t consumed = 0;
      const auto progress = parser.feed(rest, consumed);
      NESO_CHECK(consumed <= rest.size());
      rest.erase(0, consumed);
      if (progress == RequestParser::Progress::Refused) {
        NESO_CHECK(!parser.refusal().sentence.empty());
        outcome.refusal = parser.refusal().status;
        return outcome;
      }
      if (progress != RequestParser::Progress::Complete) break;
      outcome.requests.push_back(parser.take());
    }
  }
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const RequestLimits limits = small_limits();
  const Outcome whole = parse(bytes, bytes.size() + 1);
  for (const ParsedRequest& parsed : whole.requests) {
    NESO_CHECK(!parsed.request.method.empty() && !parsed.request.path.empty());
    NESO_CHECK(parsed.request.headers.size() <= limits.head.max_headers);
    NESO_CHECK(parsed.request.body.size() <= limits.max_body_bytes);
  }
  for (const size_t piece : {size_t{1}, size_t{3}, size_t{17}}) {
    const Outcome pieces = parse(bytes, piece);
    NESO_CHECK(pieces.refusal == whole.refusal);
    NESO_CHECK(pieces.requests.size() == whole.requests.size());
    for (size_t i = 0; i < whole.requests.size(); ++i) {
      NESO_CHECK(pieces.requests[i].request.path == whole.requests[i].request.path);
      NESO_CHECK(pieces.requests[i].request.headers == whole.requests[i].request.headers);
      NESO_CHECK(pieces.requests[i].request.body.view() == whole.requests[i].request.body.view());
      NESO_CHECK(pieces.requests[i].keep_alive == whole.requests[i].keep_alive);
    }
  }
  return 0;
}
