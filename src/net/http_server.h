// SPDX-License-Identifier: Apache-2.0
// An HTTP/1.1 server on Boost.Beast: bytes, limits and time-outs. It knows no model. Keep-alive,
// pipelined requests answered in order, chunked bodies, Expect: 100-continue. Its I/O threads only
// compute what a handler does at once.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/memory_budget.h"
#include "base/result.h"
#include "net/http_message.h"

namespace neso::net {

struct HttpServerOptions {
  std::string name = "HTTPService";  // for messages: "failed to start HTTP service" is the caller's
  std::string address = "0.0.0.0";
  uint16_t port = 0;  // 0: any free one, see port()
  bool reuse_port = false;
  size_t threads = 2;
  size_t max_header_bytes = 64 * 1024;               // 431
  size_t max_headers = 100;                          // 431
  size_t max_target_bytes = 8 * 1024;                // 414
  size_t max_body_bytes = 64 * 1024 * 1024;          // 413, from Content-Length alone when it tells
  size_t max_chunks = 65536;                         // non-empty chunks of one body; 400
  size_t max_connections = 10000;                    // further ones: 503
  std::chrono::milliseconds header_timeout{60'000};  // whole head of a request
  std::chrono::milliseconds idle_timeout{75'000};    // between requests
  std::chrono::milliseconds write_timeout{60'000};   // without progress
  // A body that is awaited must come as fast in each window; else 408.
  size_t min_body_bytes_per_second = 1024;
  std::chrono::milliseconds body_window{10'000};
  // What a refused client still sends is dropped until it pauses for so long.
  std::chrono::milliseconds linger_timeout{5'000};
  // For heads that are awaited when stop_accepting() comes.
  std::chrono::milliseconds drain_grace{500};
  // What bodies and answers count against; a body for which it has no room is refused with 503.
  // Outlives the server; null: no limit.
  MemoryBudget* memory = nullptr;
  // A header whose number says where in the body binary data begins: the body is placed so that it
  // is aligned there (Body::kAlignment). Empty: there is none.
  std::string binary_offset_header;
  // Ends the sentence of a 413.
  std::string body_limit_hint = "Use --http-max-input-size to increase the limit.";
  // Ends the sentence about a port that is taken, or not ours to take: "choose another with ...".
  std::string port_hint;
  // The body of an answer that the server itself gives (400, 413, ...), from status and sentence;
  // called once for each, on an I/O thread. Without it such answers are plain text.
  std::function<std::string(int status, const std::string& sentence)> error_body;
  // Told the status of every answer that refuses, the handler's (HttpResponse::is_refusal()) and
  // the server's own, once each, on an I/O thread; to be counted.
  std::function<void(int status)> on_refusal;
};

class HttpServer {
 public:
  // Binds, listens and starts its threads. `address` is a numeric IPv4 or IPv6 address or
  // "localhost"; another text, or an address that is not this machine's, is InvalidArgument. A
  // taken port is NotReady with Triton's words, "Socket '0.0.0.0:8000' already in use ", the
  // process that has it where that can be seen, and `port_hint`. The handler must not throw; if it
  // does, its connection is closed.
  static Result<std::unique_ptr<HttpServer>> start(const HttpServerOptions& options,
                                                   HttpHandler handler);
  // Stops at once, not from a handler. Answers that come later are dropped.
  virtual ~HttpServer() = default;

  virtual uint16_t port() const = 0;
  // No new connections; answers to come carry Connection: close. What waits in the listen queue is
  // still taken, and open connections may send one more request: those that have sent nothing yet
  // within drain_grace, idle ones until drain() finds nothing else to wait for. Any thread.
  virtual void stop_accepting() = 0;
  // After stop_accepting(): waits until every connection has said goodbye, which an idle client
  // does not; that gives requests that crossed the decision the time to arrive. False when `limit`
  // passed first. Not from a handler.
  virtual bool linger(std::chrono::milliseconds limit) = 0;
  // Requests that were read completely and not yet fully answered.
  virtual size_t requests_in_flight() const = 0;
  // True once none is left; waits up to `limit`. After stop_accepting() it then closes the idle
  // connections, and also waits for requests that are still being received. Not from a handler.
  virtual bool drain(std::chrono::milliseconds limit) = 0;
};

}  // namespace neso::net
