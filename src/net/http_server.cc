// SPDX-License-Identifier: Apache-2.0
#include "net/http_server.h"

#include <algorithm>
#include <future>
#include <new>
#include <utility>
#include <vector>

#include "net/connection.h"
#include "net/io_thread.h"
#include "net/listener.h"

namespace neso::net {

namespace {

// Connections over max_connections that are told so; still further ones are closed without a word.
constexpr size_t kMaxTurnedAway = 256;

class SocketServer final : public HttpServer {
 public:
  SocketServer(const HttpServerOptions& options, HttpHandler handler)
      : state_(options, std::move(handler)) {}
  ~SocketServer() override {
    for (const auto& thread : threads_) thread->stop();
  }

  Result<> start();

  uint16_t port() const override { return listener_->port(); }
  void stop_accepting() override;
  size_t requests_in_flight() const override { return state_.activity.requests(); }
  bool linger(std::chrono::milliseconds limit) override {
    return state_.activity.wait_quiet(true, limit);
  }
  bool drain(std::chrono::milliseconds limit) override;

 private:
  void take(AcceptedSocket socket);
  void drain_connections();

  ServerState state_;
  std::vector<std::unique_ptr<IoThread>> threads_;
  std::unique_ptr<Listener> listener_;  // on threads_.front()
};

Result<> SocketServer::start() {
  const HttpServerOptions& options = state_.options;
  for (size_t i = 0; i < std::max<size_t>(options.threads, 1); ++i) {
    threads_.push_back(std::make_unique<IoThread>());
  }
  NESO_TRY(listener_, Listener::open(options, *threads_.front(),
                                     [this](AcceptedSocket socket) { take(std::move(socket)); }));
  for (const auto& thread : threads_) NESO_TRY_VOID(thread->start(options.name));
  threads_.front()->post([this] { listener_->accept(); });
  return {};
}

// Gives an accepted socket to the thread with the fewest connections.
void SocketServer::take(AcceptedSocket socket) {
  Activity& activity = state_.activity;
  const size_t most = state_.options.max_connections;
  if (activity.connections() >= most + kMaxTurnedAway) return;
  Refusal refusal;
  if (activity.connections() >= most) {
    refusal = {503, "The server has as many connections as it accepts. Try again later."};
  }
  IoThread& thread =
      **std::min_element(threads_.begin(), threads_.end(),
                         [](const auto& a, const auto& b) { return a->load() < b->load(); });
  activity.connection_opened();
  ++thread.load();
  try {
    auto shared = std::make_shared<AcceptedSocket>(std::move(socket));  // tasks are copyable
    thread.post([this, &thread, shared = std::move(shared), refusal = std::move(refusal)] {
      open_connection(state_, thread, std::move(*shared), refusal);
    });
  } catch (const std::bad_alloc&) {  // the socket is closed with its last owner
    --thread.load();
    activity.serving_ended();
    activity.connection_closed();
    throw;
  }
}

void SocketServer::stop_accepting() {
  if (state_.draining.exchange(true)) return;
  auto closed = std::make_shared<std::promise<void>>();
  threads_.front()->post([this, closed] {
    listener_->close();
    closed->set_value();
  });
  if (IoThread::current() == nullptr) closed->get_future().wait();
  drain_connections();
}

bool SocketServer::drain(std::chrono::milliseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  if (!state_.activity.wait_quiet(false, limit)) return false;
  if (!state_.draining) return true;
  state_.closing_idle = true;
  drain_connections();
  return state_.activity.wait_quiet(true, std::chrono::duration_cast<std::chrono::milliseconds>(
                                              end - std::chrono::steady_clock::now()));
}

void SocketServer::drain_connections() {
  for (const auto& thread : threads_) thread->post([&thread] { thread->drain_connections(); });
}

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::start(const HttpServerOptions& options,
                                                      HttpHandler handler) {
  auto server = std::make_unique<SocketServer>(options, std::move(handler));
  NESO_TRY_VOID(server->start());
  return std::unique_ptr<HttpServer>(std::move(server));
}

}  // namespace neso::net
