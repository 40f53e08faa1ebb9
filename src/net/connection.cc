// SPDX-License-Identifier: Apache-2.0
// Bytes into requests, and answers in their order.
#include "net/connection.h"

#include <fmt/format.h>

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "base/contain.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory_budget.h"
#include "net/io_thread.h"
#include "net/own_answer.h"
#include "net/read_deadline.h"
#include "net/request_parser.h"
#include "net/socket_connection.h"

namespace neso::net {

namespace {

using boost::asio::ip::tcp;

// Requests of one connection that may wait for their answers; the next one is left in the socket.
constexpr size_t kMaxPipelined = 16;
// A body up to this size is not counted against the memory budget, so that small requests cost no
// counting.
constexpr size_t kUncountedBytes = 16 * 1024;
// An input buffer that grew beyond this for one long head is given back.
constexpr size_t kKeptInputBytes = 4 * 1024;

RequestLimits request_limits(const HttpServerOptions& options) {
  return {{options.max_header_bytes, options.max_headers, options.max_target_bytes},
          options.max_body_bytes,
          options.max_chunks,
          options.body_limit_hint};
}

}  // namespace

SocketConnection::SocketConnection(ServerState& server, IoThread& thread,
                                   const AcceptedSocket& socket)
    : server_(server),
      thread_(thread),
      peer_(socket.peer()),
      socket_(thread.context(), tcp::v4(), socket.descriptor()),  // the family is never asked for
      timer_(thread.context()),
      parser_(request_limits(server.options), server.options.binary_offset_header),
      body_memory_(server.options.memory, MemoryUse::Request),
      answers_memory_(server.options.memory, MemoryUse::Request),
      read_deadline_(server.options) {
  error_code ignored;
  socket_.non_blocking(true, ignored);
  thread_.add(this);
}

SocketConnection::~SocketConnection() {
  close();
}

void SocketConnection::start(const Refusal& refusal) {
  if (refusal) refuse(refusal);
  proceed();
}

void SocketConnection::answer(uint64_t number, Result<HttpResponse> response) noexcept {
  if (closed_) return;
  put_answer(number,
             response ? *std::move(response) : own_answer(server_.options, response.error()));
  answers_memory_.set(answers_.answer_bytes());
  if (thread_.dispatching() != this) proceed();  // else the dispatching proceed() goes on
}

void SocketConnection::put_answer(uint64_t number, HttpResponse response) {
  if (!answers_.awaits(number)) return;
  if (response.is_refusal()) note_refusal(response.status, response.body);
  answers_.answer(number, std::move(response));
}

void SocketConnection::drain() {
  const auto self = shared_from_this();
  proceed();
}

bool SocketConnection::can_take_request() const {
  return wants_requests() && answers_.requests() < kMaxPipelined &&
         answers_.request_bytes() <= server_.options.max_body_bytes;
}

// Does whatever can be done now, `fresh` bytes included, then waits for what is missing. Every
// event ends here, and nothing that goes wrong in one connection may reach another.
void SocketConnection::proceed(std::string_view fresh) noexcept {
  if (closed_) return;
  try {
    try {
      advance(fresh);
    } catch (const std::bad_alloc&) {  // while it wrote: what was ready still is
      advance({});
    }
  } catch (const std::exception& exception) {
    report_contained("a connection, now closed,", exception.what());
    close();
  }
}

void SocketConnection::advance(std::string_view fresh) {
  if (!lingering_) {
    for (;;) {
      const size_t before = dispatched_;
      const bool was_full = !can_take_request();
      try {
        take_input(std::exchange(fresh, {}));
      } catch (const std::bad_alloc&) {  // some of the input is lost
        answer_last(out_of_memory_answer(server_.options));
      }
      if (closed_ || !flush()) return;
      // What waited for room that these answers have made is taken now: if they were the last to
      // be awaited, no other event would come back to it.
      if (dispatched_ == before && !(was_full && can_take_request())) break;
    }
    const bool finished = answers_.empty() && (answers_.closing() || end_of_input_);
    // An idle connection that has bytes waiting is one whose next request crossed our decision.
    error_code ignored;
    const bool drained =
        server_.closing_idle && awaited() == Awaited::Request && socket_.available(ignored) == 0;
    if (finished || drained) {
      finish();
      if (closed_) return;
    }
  }
  if (lingering_ || can_take_request() || watches_for_end()) {
    wait_for_input();
  } else {
    wait_for_socket_error();
  }
  read_deadline_.update(reading(), Steady::now());
  arm_timer();
}

// Parses what was kept and then `fresh`; keeps what cannot be consumed now.
void SocketConnection::take_input(std::string_view fresh) {
  if (between_requests() && !fresh.empty()) receiving_since_ns_ = system_clock().now_ns();
  if (input_.empty()) {
    const size_t used = parse(fresh);
    input_.assign(fresh.substr(used));
  } else {
    input_.append(fresh);
    input_.erase(0, parse(input_));
  }
  if (input_.empty() && input_.capacity() > kKeptInputBytes) std::string().swap(input_);
}

// Dispatches the requests in `bytes`; returns how many bytes were consumed.
size_t SocketConnection::parse(std::string_view bytes) {
  size_t used = 0;
  while (used < bytes.size() && can_take_request()) {
    size_t consumed = 0;
    const auto progress = parser_.feed(bytes.substr(used), consumed);
    used += consumed;
    if (progress != RequestParser::Progress::Refused && !has_room()) break;
    if (progress == RequestParser::Progress::Complete) {
      dispatch(parser_.take());
      continue;
    }
    if (progress == RequestParser::Progress::Continue) answers_.append_continue();
    if (progress == RequestParser::Progress::Refused) refuse(parser_.refusal());
    break;
  }
  return used;
}

// Takes what the body has grown by of the server's memory; refuses the request when there is none
// left.
bool SocketConnection::has_room() {
  const size_t bytes = parser_.body_memory();
  if (bytes <= kUncountedBytes || body_memory_.resize(bytes)) return true;
  const Error error = server_.options.memory->request_refusal(bytes);
  parser_.drop_body();
  body_memory_.set(0);
  refuse({error.code == ErrorCode::TooLarge ? 413 : 503, error.message});
  return false;
}

void SocketConnection::dispatch(ParsedRequest parsed) {
  const uint64_t number =
      answers_.expect({parsed.request.method == "HEAD", parsed.keep_alive, parsed.http_1_0},
                      parsed.request.body.size());
  ++dispatched_;
  last_request_read_ = !parsed.keep_alive;
  server_.activity.request_begun();
  try {
    parsed.request.peer = peer_;
    parsed.request.gone = gone_;
    parsed.request.received_from_ns = receiving_since_ns_;
    parsed.request.received_ns = system_clock().now_ns();
    receiving_since_ns_ = parsed.request.received_ns;  // of what follows in the same bytes
    if (body_memory_.bytes() > 0) {
      parsed.request.memory = std::make_shared<const MemoryShare>(std::move(body_memory_));
    }
    Respond respond = thread_.answers()->respond_to(weak_from_this(), number);
    const Dispatching dispatching(thread_, this);
    server_.handler(std::move(parsed.request), std::move(respond));
  } catch (const std::bad_alloc&) {  // unless the respond that was dropped has answered
    put_answer(number, out_of_memory_answer(server_.options));
  }
}

void SocketConnection::refuse(const Refusal& refusal) {
  if (refused_) return;
  note_refusal(refusal.status, refusal.sentence);
  answer_last(own_answer(server_.options, refusal));
}

void SocketConnection::note_refusal(int status, std::string_view words) noexcept {
  contain("a refusal's line in the log", [&] {
    if (server_.options.on_refusal) server_.options.on_refusal(status);
    server_.refusals.note(server_.options.name, peer_, fmt::format("{}", status),
                          words.substr(0, words.find_first_of("\r\n")));
  });
}

// Reads no further requests.
void SocketConnection::answer_last(HttpResponse response) noexcept {
  if (std::exchange(refused_, true)) return;
  try {
    const uint64_t number = answers_.expect({.keep_alive = false}, 0);
    server_.activity.request_begun();
    answers_.answer(number, std::move(response));
  } catch (const std::bad_alloc&) {
    close();
  }
}

void open_connection(ServerState& server, IoThread& thread, AcceptedSocket socket,
                     const Refusal& refusal) {
  std::shared_ptr<SocketConnection> connection;
  try {
    connection = std::make_shared<SocketConnection>(server, thread, socket);
  } catch (const std::exception& error) {  // before it took the descriptor over
    log_error("cannot serve a connection: {}", error.what());
    --thread.load();
    server.activity.serving_ended();
    server.activity.connection_closed();
    return;
  }
  socket.release();
  connection->start(refusal);
}

}  // namespace neso::net
