// SPDX-License-Identifier: Apache-2.0
// Requests and responses as the dialects see them: no library's types.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/completion.h"
#include "base/memory_budget.h"
#include "net/body.h"

namespace neso::net {

using Headers = std::vector<std::pair<std::string, std::string>>;

// Names of headers are equal whatever their case.
bool same_header_name(std::string_view a, std::string_view b);

struct HttpRequest {
  std::string method;  // "GET"
  std::string path;    // the target before '?', not decoded
  std::string query;   // after '?'
  Headers headers;     // in order, names as sent
  Body body;           // de-chunked
  std::string peer;    // "127.0.0.1:4711"
  // Set when the client is gone; work for it may be dropped. Any thread.
  std::shared_ptr<const std::atomic<bool>> gone;
  // The body's share of the server's memory, given back with the last copy; null without a budget.
  std::shared_ptr<const MemoryShare> memory = {};
  // When its first byte was read and when its last one was, of system_clock().
  int64_t received_from_ns = 0;
  int64_t received_ns = 0;

  // The first header of that name, case ignored.
  std::optional<std::string_view> header(std::string_view name) const;
  size_t header_count(std::string_view name) const;
};

// Bytes that lie elsewhere, and what keeps them there.
struct HeldBytes {
  std::string_view bytes;
  std::shared_ptr<const void> owner;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";  // empty: no such header
  Headers headers;  // besides Content-Type, Content-Length, Connection
  std::string body;
  std::vector<HeldBytes> tail = {};  // the rest of the body, sent from where it is
  // Let go of once the last byte is written, or the connection is gone; may be null.
  std::shared_ptr<const void> held_until_sent = {};

  // An error with words; a health probe's "no" has none.
  bool is_refusal() const { return status >= 400 && !body.empty(); }
  size_t body_size() const;  // of body and tail
  std::string joined_body() &&;
  void drop_body();
};

// Answers one request, from any thread, once. Destroyed unanswered: the client gets a 503.
using Respond = Completion<HttpResponse>;

// Called on an I/O thread for each complete request; must return soon, since all of the
// thread's connections wait, and may keep both arguments.
using HttpHandler = std::function<void(HttpRequest request, Respond respond)>;

}  // namespace neso::net
