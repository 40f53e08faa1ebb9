// SPDX-License-Identifier: Apache-2.0
// One client's connection: reads requests, keeps their answers in order, watches the time-outs and the peer's presence.
// A connection lives on one I/O thread; whatever is done to it is done there.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "net/activity.h"
#include "net/head_scanner.h"
#include "net/http_message.h"
#include "net/http_server.h"
#include "net/refusal_log.h"

namespace neso::net {

class IoThread;

// What all connections of a server share; outlives them.
struct ServerState {
  ServerState(const HttpServerOptions& the_options, HttpHandler the_handler)
      : options(the_options), handler(std::move(the_handler)) {}
  const HttpServerOptions options;
  const HttpHandler handler;
  std::atomic<bool> draining{false};
  Activity activity;
  RefusalLog refusals{system_clock()};
};

class Connection {
 public:
  virtual ~Connection() = default;
  // The answer to the request of that number; late ones are ignored.
  virtual void answer(uint64_t number, Result<HttpResponse> response) = 0;
  // The server drains: close when nothing is under way.
  virtual void drain() = 0;
};

// An accepted socket that nobody owns yet.
struct AcceptedSocket {
  int descriptor = -1;
  std::string peer;  // "127.0.0.1:4711"
};

// Takes the socket over and serves it; with a refusal, answers with that and closes. Called on `thread`. The caller has
// counted the connection as opened.
void open_connection(ServerState& server, IoThread& thread, AcceptedSocket socket, Refusal refusal);

}  // namespace neso::net
