// SPDX-License-Identifier: Apache-2.0
// One client's connection: reads requests, keeps their answers in order, watches the time-outs and
// the peer's presence. A connection lives on one I/O thread; whatever is done to it is done there.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/result.h"
#include "net/activity.h"
#include "net/grammar.h"
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
  std::atomic<bool> draining{false};      // the next answer of each connection is its last
  std::atomic<bool> closing_idle{false};  // and those with nothing under way close now
  Activity activity;
  RefusalLog refusals{system_clock()};
};

class Connection {
 public:
  virtual ~Connection() = default;
  // The answer to the request of that number; late ones are ignored. Does not throw.
  virtual void answer(uint64_t number, Result<HttpResponse> response) noexcept = 0;
  // The server drains, or closes what is idle: look again.
  virtual void drain() = 0;
};

// An accepted socket on its way to a connection; closes it when it gets lost.
class AcceptedSocket {
 public:
  AcceptedSocket(int descriptor, std::string peer)
      : descriptor_(descriptor), peer_(std::move(peer)) {}
  AcceptedSocket(AcceptedSocket&& other) noexcept
      : descriptor_(std::exchange(other.descriptor_, -1)), peer_(std::move(other.peer_)) {}
  AcceptedSocket& operator=(AcceptedSocket&&) = delete;
  ~AcceptedSocket();

  int descriptor() const { return descriptor_; }
  const std::string& peer() const { return peer_; }  // "127.0.0.1:4711"
  void set_peer(std::string peer) { peer_ = std::move(peer); }
  void release() { descriptor_ = -1; }  // another owner closes it

 private:
  int descriptor_;
  std::string peer_;
};

// Serves the socket; with a refusal, answers with that and closes. Called on `thread`. The caller
// has counted the connection, in the server's activity and the thread's load.
void open_connection(ServerState& server, IoThread& thread, AcceptedSocket socket,
                     const Refusal& refusal);

}  // namespace neso::net
