// SPDX-License-Identifier: Apache-2.0
// The listening socket: binds, accepts, and sits out a shortage of file descriptors.
#pragma once

#include <functional>
#include <memory>

#include "base/result.h"
#include "net/connection.h"
#include "net/http_server.h"
#include "net/io_thread.h"

namespace neso::net {

class Listener {
 public:
  using OnSocket = std::function<void(AcceptedSocket)>;

  // Binds and listens, see HttpServer::start(); accepts nothing yet.
  static Result<std::unique_ptr<Listener>> open(const HttpServerOptions& options, IoThread& thread,
                                                OnSocket on_socket);
  virtual ~Listener() = default;  // when the thread has stopped

  virtual uint16_t port() const = 0;
  // Accepts from now on; on_socket runs on the thread. Before the thread starts, or on it.
  virtual void accept() = 0;
  // Takes what waits in the listen queue and closes. On the thread.
  virtual void close() = 0;
};

}  // namespace neso::net
