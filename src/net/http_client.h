// SPDX-License-Identifier: Apache-2.0
// A keep-alive HTTP/1.1 connection of a client. Cheap per request, because a load generator shares
// its machine with the server: the caller brings the bytes of the request ready-made, and all
// buffers are used again.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/client_loop.h"
#include "net/http_message.h"
#include "net/http_url.h"

namespace neso::net {

enum class HttpFailure {
  None,
  Connect,  // no connection came about
  Reset,    // the connection ended before the whole answer was there
  Timeout,
  Malformed,  // the answer is no HTTP
};

// Views that last until the connection's next send().
struct HttpReply {
  HttpFailure failure = HttpFailure::None;
  int status = 0;                // without a failure
  std::string_view body = {};    // de-chunked
  std::string_view reason = {};  // with a failure: what the system or the parser says
};

class HttpClient {
 public:
  using OnReply = std::function<void(const HttpReply& reply)>;
  // Connects with the first send(). Dies before its loop.
  HttpClient(ClientLoop& loop, const Endpoint& endpoint, OnReply on_reply);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // One request at a time: the next one after on_reply, or from inside it. `request` is what
  // http_request_bytes() makes and stays valid until then; at `deadline_ns` of system_clock() the
  // request fails and its connection is closed. A request that meets a kept connection which the
  // server has closed meanwhile goes out once more on a new one.
  void send(std::string_view request, int64_t deadline_ns);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

struct HttpCall {
  std::string_view method = "GET";
  std::string_view path;  // behind the URL's
  Headers headers = {};   // besides Host and Content-Length
  std::string_view body = {};
};
std::string http_request_bytes(const HttpUrl& url, const HttpCall& call);

// One request on a connection of its own. Blocks. A failure is an Error with a sentence; any status
// is an answer.
struct HttpAnswer {
  int status = 0;
  std::string body;
};
Result<HttpAnswer> http_ask(const HttpUrl& url, const Endpoint& endpoint, const HttpCall& call,
                            int64_t timeout_ns);

}  // namespace neso::net
