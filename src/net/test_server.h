// SPDX-License-Identifier: Apache-2.0
// For tests: a server on a free loopback port whose handler is a few lines of the test, and one
// that keeps its requests until the test answers them.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "net/http_server.h"
#include "net/test_client.h"

namespace neso::net {

inline HttpServerOptions test_options() {
  HttpServerOptions options;
  options.address = "127.0.0.1";
  options.error_body = [](int status, const std::string& sentence) {
    return "{\"status\":" + std::to_string(status) + ",\"error\":\"" + sentence + "\"}";
  };
  return options;
}

inline HttpResponse text_answer(std::string body) {
  HttpResponse response;
  response.content_type = "text/plain";
  response.body = std::move(body);
  return response;
}

// Answers at once with "METHOD path?query:body".
inline void echo(HttpRequest request, Respond respond) {
  std::string text = request.method + " " + request.path;
  if (!request.query.empty()) text += "?" + request.query;
  respond(text_answer(text + ":" + std::string(request.body)));
}

inline std::unique_ptr<HttpServer> start_server(const HttpServerOptions& options,
                                                HttpHandler handler) {
  auto server = HttpServer::start(options, std::move(handler));
  if (!server) std::abort();
  return *std::move(server);
}

struct HeldRequest {
  HttpRequest request;
  Respond respond;
};

// Requests that wait for the test. Any thread.
class HeldRequests {
 public:
  HttpHandler handler() {
    return [this](HttpRequest request, Respond respond) {
      std::lock_guard lock(mutex_);
      held_.push_back({std::move(request), std::move(respond)});
      came_.notify_all();
    };
  }
  // The next one; empty Respond when none comes.
  HeldRequest next() {
    std::unique_lock lock(mutex_);
    came_.wait_for(lock, std::chrono::milliseconds(TestClient::kPatienceMs),
                   [&] { return !held_.empty(); });
    if (held_.empty()) return {};
    HeldRequest held = std::move(held_.front());
    held_.pop_front();
    return held;
  }
  size_t size() {
    std::lock_guard lock(mutex_);
    return held_.size();
  }

 private:
  std::mutex mutex_;
  std::condition_variable came_;
  std::deque<HeldRequest> held_;
};

// Waits until `condition` holds, by yielding; false when it never does.
inline bool eventually(const std::function<bool()>& condition) {
  const auto end =
      std::chrono::steady_clock::now() + std::chrono::milliseconds(TestClient::kPatienceMs);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace neso::net
