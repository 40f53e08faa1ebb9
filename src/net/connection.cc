// SPDX-License-Identifier: Apache-2.0
#include "net/connection.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <exception>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/contain.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory_budget.h"
#include "net/io_thread.h"
#include "net/own_answer.h"
#include "net/read_deadline.h"
#include "net/request_parser.h"
#include "net/response_queue.h"

namespace neso::net {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using Steady = std::chrono::steady_clock;
constexpr Steady::time_point kNever = ReadDeadline::kNever;

// Requests of one connection that may wait for their answers; the next one is left in the socket.
constexpr size_t kMaxPipelined = 16;
// A body up to this size is not counted against the memory budget, so that small requests cost no
// counting.
constexpr size_t kUncountedBytes = 16 * 1024;
// An input buffer that grew beyond this for one long head is given back.
constexpr size_t kKeptInputBytes = 4 * 1024;

bool is_not_ready(error_code error) {
  return error == asio::error::would_block || error == asio::error::try_again;
}

RequestLimits request_limits(const HttpServerOptions& options) {
  return {{options.max_header_bytes, options.max_headers, options.max_target_bytes},
          options.max_body_bytes,
          options.max_chunks,
          options.body_limit_hint};
}

class SocketConnection final : public Connection,
                               public std::enable_shared_from_this<SocketConnection> {
 public:
  SocketConnection(ServerState& server, IoThread& thread, const AcceptedSocket& socket)
      : server_(server),
        thread_(thread),
        peer_(socket.peer()),
        socket_(thread.context(), tcp::v4(), socket.descriptor()),  // the family is never asked for
        timer_(thread.context()),
        parser_(request_limits(server.options)),
        body_memory_(server.options.memory, MemoryUse::Request),
        answers_memory_(server.options.memory, MemoryUse::Request),
        read_deadline_(server.options) {
    error_code ignored;
    socket_.non_blocking(true, ignored);
    thread_.add(this);
  }
  ~SocketConnection() override { close(); }

  void start(const Refusal& refusal) {
    if (refusal) refuse(refusal);
    proceed();
  }

  void answer(uint64_t number, Result<HttpResponse> response) noexcept override {
    if (closed_) return;
    answers_.answer(
        number, response ? *std::move(response) : own_answer(server_.options, response.error()));
    answers_memory_.set(answers_.answer_bytes());
    if (thread_.dispatching() != this) proceed();  // else the dispatching proceed() goes on
  }

  void drain() override {
    const auto self = shared_from_this();
    proceed();
  }

 private:
  void proceed(std::string_view fresh = {}) noexcept;
  void advance(std::string_view fresh);
  void take_input(std::string_view fresh);
  size_t parse(std::string_view bytes);
  bool has_room();
  void dispatch(ParsedRequest parsed);
  void refuse(const Refusal& refusal);
  void answer_last(HttpResponse response) noexcept;
  bool flush();
  void finish();
  void close();

  bool wants_requests() const {
    return !refused_ && !end_of_input_ && !last_request_read_ && !answers_.closing();
  }
  bool can_take_request() const {
    return wants_requests() && answers_.requests() < kMaxPipelined &&
           answers_.request_bytes() <= server_.options.max_body_bytes;
  }
  // Nothing is expected behind a request that asked to close, but the end tells that the client may
  // be gone.
  bool watches_for_end() const { return last_request_read_ && !end_of_input_ && !input_ignored_; }
  // Nothing of a request has come that is not dispatched yet.
  bool between_requests() const { return input_.empty() && !parser_.in_body(); }

  void on_readable(error_code error);
  void on_end_of_input();
  void probe_peer();
  void on_writable(error_code error);
  void on_socket_error(error_code error);
  void on_timer(error_code error);
  void wait_for_input();
  void wait_for_socket_error();

  Awaited awaited() const;
  ReadDeadline::Progress reading() const {
    return {awaited(), dispatched_, received_bytes_, server_.draining};
  }
  void on_read_timeout();
  void arm_timer();

  // A completion handler that keeps the connection alive.
  template <void (SocketConnection::*member)(error_code)>
  auto handler() {
    return [self = shared_from_this()](error_code error) {
      if (!self->closed_) ((*self).*member)(error);
    };
  }

  ServerState& server_;
  IoThread& thread_;
  const std::string peer_;
  tcp::socket socket_;
  asio::steady_timer timer_;
  RequestParser parser_;
  ResponseQueue answers_;
  MemoryShare body_memory_;  // of the body that is being received
  MemoryShare answers_memory_;
  // Received, not yet consumed: part of a head or chunk line, or requests beyond kMaxPipelined.
  std::string input_;
  std::shared_ptr<std::atomic<bool>> gone_ = std::make_shared<std::atomic<bool>>(false);

  bool last_request_read_ = false;  // it asked to close
  bool refused_ = false;            // what comes is not read as requests any more
  bool end_of_input_ = false;
  bool input_ignored_ = false;  // bytes came behind the last request
  bool lingering_ = false;
  bool closed_ = false;
  bool waiting_for_input_ = false;
  bool waiting_for_output_ = false;
  bool waiting_for_error_ = false;

  std::vector<std::string_view> views_;
  std::vector<asio::const_buffer> buffers_;

  size_t dispatched_ = 0;  // requests
  size_t received_bytes_ = 0;
  ReadDeadline read_deadline_;
  Steady::time_point write_deadline_ = kNever;
  Steady::time_point timer_expiry_ = kNever;  // kNever: not armed
};

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
      try {
        take_input(std::exchange(fresh, {}));
      } catch (const std::bad_alloc&) {  // some of the input is lost
        answer_last(out_of_memory_answer(server_.options));
      }
      if (closed_ || !flush()) return;
      if (dispatched_ == before) break;
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
    if (body_memory_.bytes() > 0) {
      parsed.request.memory = std::make_shared<const MemoryShare>(std::move(body_memory_));
    }
    Respond respond = thread_.answers()->respond_to(weak_from_this(), number);
    const Dispatching dispatching(thread_, this);
    server_.handler(std::move(parsed.request), std::move(respond));
  } catch (const std::bad_alloc&) {  // unless the respond that was dropped has answered
    answers_.answer(number, out_of_memory_answer(server_.options));
  }
}

void SocketConnection::refuse(const Refusal& refusal) {
  answer_last(own_answer(server_.options, refusal));
  server_.refusals.note(server_.options.name, peer_, refusal);
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

// Writes what is ready. False when the connection is closed.
bool SocketConnection::flush() {
  if (waiting_for_output_) return true;
  bool progressed = false;
  for (;;) {
    answers_.gather(server_.draining && between_requests(), views_);
    if (views_.empty()) {
      write_deadline_ = kNever;
      return true;
    }
    buffers_.clear();
    for (const std::string_view bytes : views_) buffers_.emplace_back(bytes.data(), bytes.size());
    error_code error;
    const size_t bytes = socket_.write_some(buffers_, error);
    server_.activity.requests_ended(answers_.written(bytes));
    answers_memory_.set(answers_.answer_bytes());
    progressed = progressed || bytes > 0;
    if (is_not_ready(error)) {
      if (progressed || write_deadline_ == kNever)
        write_deadline_ = Steady::now() + server_.options.write_timeout;
      socket_.async_wait(tcp::socket::wait_write, handler<&SocketConnection::on_writable>());
      waiting_for_output_ = true;
      return true;
    }
    if (error) {
      close();
      return false;
    }
  }
}

// All answers are written and no request follows: say so, and close when the peer has sent nothing
// that we did not read, else only after it has stopped. Closing over unread bytes makes a reset,
// which can destroy the last answer before the peer reads it.
void SocketConnection::finish() {
  error_code error;
  const bool unread = refused_ || input_ignored_ || !input_.empty() || socket_.available(error) > 0;
  if (end_of_input_ || !unread) return close();
  socket_.shutdown(tcp::socket::shutdown_send, error);
  if (error) return close();
  std::string().swap(input_);
  lingering_ = true;
  server_.activity.serving_ended();
}

void SocketConnection::close() {
  if (closed_) return;
  closed_ = true;
  gone_->store(true);
  error_code ignored;
  socket_.close(ignored);
  timer_.cancel();
  thread_.remove(this);
  --thread_.load();
  server_.activity.requests_ended(answers_.requests());
  if (!lingering_) server_.activity.serving_ended();
  server_.activity.connection_closed();
}

void SocketConnection::wait_for_input() {
  if (waiting_for_input_) return;
  socket_.async_wait(tcp::socket::wait_read, handler<&SocketConnection::on_readable>());
  waiting_for_input_ = true;
}

void SocketConnection::on_readable(error_code error) {
  waiting_for_input_ = false;
  if (error) return close();
  const std::span<char> scratch = thread_.scratch();
  const size_t bytes = socket_.read_some(asio::buffer(scratch.data(), scratch.size()), error);
  if (error == asio::error::eof) {
    on_end_of_input();
  } else if (error && !is_not_ready(error)) {
    return close();
  }
  received_bytes_ += bytes;
  if (lingering_) return proceed();
  if (bytes > 0 && !wants_requests()) {
    input_ignored_ = true;
    return proceed();
  }
  proceed(std::string_view(scratch.data(), bytes));
}

void SocketConnection::on_end_of_input() {
  const bool truncated = wants_requests() && !between_requests();
  end_of_input_ = true;
  if (lingering_) return close();
  if (truncated) refuse(RequestParser::truncated());
  probe_peer();
}

// A peer that stopped sending may only have closed its half and still read the answer, or be gone
// altogether. Bytes tell: every answer starts the same way, so its start can be sent now; a peer
// that is gone resets the connection for it.
void SocketConnection::probe_peer() {
  const std::string_view bytes = answers_.early_bytes();
  if (bytes.empty()) return;
  error_code error;
  const size_t sent = socket_.write_some(asio::buffer(bytes.data(), bytes.size()), error);
  answers_.written(sent);  // an error shows up in wait_for_socket_error()
}

void SocketConnection::on_writable(error_code error) {
  waiting_for_output_ = false;
  if (error) return close();
  proceed();
}

// While nothing is read, only this notices a reset. (It fires for urgent data too, of which HTTP
// knows nothing.)
void SocketConnection::wait_for_socket_error() {
  if (waiting_for_error_ || waiting_for_input_) return;
  socket_.async_wait(tcp::socket::wait_error, handler<&SocketConnection::on_socket_error>());
  waiting_for_error_ = true;
}

void SocketConnection::on_socket_error(error_code) {
  close();
}

Awaited SocketConnection::awaited() const {
  if (lingering_) return Awaited::Silence;
  if (!can_take_request()) return Awaited::Nothing;
  if (parser_.in_body()) return Awaited::Body;
  if (!input_.empty() || dispatched_ == 0) return Awaited::Head;
  return answers_.empty() ? Awaited::Request : Awaited::Nothing;
}

void SocketConnection::on_read_timeout() {
  const ReadDeadline::Verdict verdict = read_deadline_.expired(reading(), Steady::now());
  if (verdict == ReadDeadline::Verdict::Wait) return;
  if (verdict == ReadDeadline::Verdict::Refuse && !between_requests()) {
    refuse(read_deadline_.refusal());
    return proceed();
  }
  error_code ignored;
  if (!lingering_ && socket_.available(ignored) > 0) return;  // it spoke up in this moment
  close();  // it asked for nothing, or has its answer
}

// The timer is set once for the earliest deadline and looks again when it fires: deadlines that
// move on with every request cost nothing.
void SocketConnection::arm_timer() {
  if (closed_) return;
  const Steady::time_point next = std::min(read_deadline_.at(), write_deadline_);
  if (next >= timer_expiry_) return;
  timer_expiry_ = next;
  timer_.expires_at(next);
  timer_.async_wait(handler<&SocketConnection::on_timer>());
}

void SocketConnection::on_timer(error_code error) {
  if (error) return;  // replaced by an earlier one
  timer_expiry_ = kNever;
  const Steady::time_point now = Steady::now();
  if (write_deadline_ <= now) {
    error_code ignored;
    socket_.set_option(tcp::socket::linger(true, 0), ignored);  // what was not taken is dropped now
    return close();
  }
  if (read_deadline_.at() <= now) on_read_timeout();
  arm_timer();
}

}  // namespace

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
