// SPDX-License-Identifier: Apache-2.0
// The socket's side of a connection: writing, reading, closing, time-outs.
#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "net/io_thread.h"
#include "net/read_deadline.h"
#include "net/request_parser.h"
#include "net/socket_connection.h"

namespace neso::net {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using Steady = std::chrono::steady_clock;
constexpr Steady::time_point kNever = ReadDeadline::kNever;

bool is_not_ready(error_code error) {
  return error == asio::error::would_block || error == asio::error::try_again;
}

}  // namespace

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

}  // namespace neso::net
