// SPDX-License-Identifier: Apache-2.0
// The one implementation of Connection: a TCP socket, the requests parsed from it and the answers
// waiting for it. connection.cc turns bytes into requests and answers, connection_socket.cc moves
// bytes and watches the peer and the time-outs.
#pragma once

#include <atomic>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/memory_budget.h"
#include "base/result.h"
#include "net/connection.h"
#include "net/http_message.h"
#include "net/read_deadline.h"
#include "net/request_parser.h"
#include "net/response_queue.h"

namespace neso::net {

class SocketConnection final : public Connection,
                               public std::enable_shared_from_this<SocketConnection> {
 public:
  // Takes the descriptor over, which the caller then releases. Called on `thread`, as all members.
  SocketConnection(ServerState& server, IoThread& thread, const AcceptedSocket& socket);
  ~SocketConnection() override;

  // Serves; with a refusal, answers with that and closes.
  void start(const Refusal& refusal);

  void answer(uint64_t number, Result<HttpResponse> response) noexcept override;
  void drain() override;

 private:
  using error_code = boost::system::error_code;
  using Steady = std::chrono::steady_clock;

  // connection.cc
  void proceed(std::string_view fresh = {}) noexcept;
  void advance(std::string_view fresh);
  void take_input(std::string_view fresh);
  size_t parse(std::string_view bytes);
  bool has_room();
  void dispatch(ParsedRequest parsed);
  void put_answer(uint64_t number, HttpResponse response);
  void refuse(const Refusal& refusal);
  void note_refusal(int status, std::string_view words) noexcept;
  void answer_last(HttpResponse response) noexcept;

  bool wants_requests() const {
    return !refused_ && !end_of_input_ && !last_request_read_ && !answers_.closing();
  }
  bool can_take_request() const;
  // Nothing is expected behind a request that asked to close, but the end tells that the client may
  // be gone.
  bool watches_for_end() const { return last_request_read_ && !end_of_input_ && !input_ignored_; }
  // Nothing of a request has come that is not dispatched yet.
  bool between_requests() const { return input_.empty() && !parser_.in_body(); }

  // connection_socket.cc
  bool flush();
  void finish();
  void close();
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
  boost::asio::ip::tcp::socket socket_;
  boost::asio::steady_timer timer_;
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
  std::vector<boost::asio::const_buffer> buffers_;

  size_t dispatched_ = 0;           // requests
  int64_t receiving_since_ns_ = 0;  // the request that is being read
  size_t received_bytes_ = 0;
  ReadDeadline read_deadline_;
  Steady::time_point write_deadline_ = ReadDeadline::kNever;
  Steady::time_point timer_expiry_ = ReadDeadline::kNever;  // kNever: not armed
};

}  // namespace neso::net
