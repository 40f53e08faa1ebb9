// SPDX-License-Identifier: Apache-2.0
// Bytes of a connection -> requests, under limits. A head is read by Boost.Beast; what may not pass
// although Beast lets it (ambiguous framing, RFC 9112 section 6.3) is refused here and in the
// HeadScanner, and bodies are taken apart here. Memory follows the bytes that came, never a
// declared length. Pure: no socket, no clock; one thread at a time.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "net/head_scanner.h"
#include "net/http_message.h"

namespace neso::net {

struct RequestLimits {
  HeadLimits head;
  size_t max_body_bytes = 64 * 1024 * 1024;  // 413, from Content-Length alone when it tells
  size_t max_chunks = 65536;                 // non-empty ones of a body; 400
  std::string body_limit_hint;               // ends the sentence of a 413: how to raise the limit
};

struct ParsedRequest {
  HttpRequest request;  // `peer` and `gone` are left to the caller
  bool keep_alive = false;
  bool http_1_0 = false;
};

class RequestParser {
 public:
  enum class Progress {
    NeedMore,  // give the bytes that were not consumed again, with more behind them
    Continue,  // as NeedMore, and the client waits for "100 Continue" before it sends the body
    Complete,  // take() the request; bytes behind it were not touched
    Refused,   // see refusal(); nothing more can be read from this connection
  };

  // `binary_offset_header` as in HttpServerOptions; outlives the parser.
  explicit RequestParser(const RequestLimits& limits, std::string_view binary_offset_header = {});
  ~RequestParser();

  // Takes bytes from the front of `input` until one request is complete; `consumed` says how many.
  Progress feed(std::string_view input, size_t& consumed);

  // The complete request; the parser then starts on the next one.
  ParsedRequest take();

  // The refusal of a request whose client stopped sending in the middle.
  static Refusal truncated();
  const Refusal& refusal() const;

  // The head is complete, the body is not.
  bool in_body() const;
  // Memory of the body so far, also of one that is complete and not taken.
  size_t body_memory() const;
  // Gives that memory back; nothing more is read from this connection.
  void drop_body();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace neso::net
