// SPDX-License-Identifier: Apache-2.0
#include "net/listener.h"

#include <fmt/format.h>
#include <linux/filter.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <iterator>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "base/contain.h"
#include "base/error.h"
#include "base/log.h"
#include "net/port_owner.h"
#include "net/tcp_table.h"

namespace neso::net {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr int kBacklog = 4096;
constexpr int kMaxAcceptsPerEvent = 64;  // connections that are served already get their turn
constexpr std::chrono::milliseconds kShortagePause{100};
constexpr int64_t kHandshakesNs = 50'000'000;  // a closing port waits so long for them
constexpr int64_t kShortageLogNs = 60'000'000'000;

std::string text_of(const tcp::endpoint& endpoint) {
  const std::string address = endpoint.address().to_string();
  return endpoint.address().is_v6() ? fmt::format("[{}]:{}", address, endpoint.port())
                                    : fmt::format("{}:{}", address, endpoint.port());
}

// Triton's words, and what it leaves the user to find out.
Error taken(const tcp::endpoint& endpoint, std::string_view hint) {
  std::string sentence = fmt::format("Socket '{}' already in use ", text_of(endpoint));
  if (const auto owner = port_owner(endpoint.address().to_string(), endpoint.port()))
    sentence += "by " + *owner;
  if (sentence.ends_with(' ') && !hint.empty()) sentence.pop_back();
  if (!hint.empty()) sentence += fmt::format("; {}", hint);
  return {ErrorCode::NotReady, std::move(sentence)};
}

class SocketListener final : public Listener {
 public:
  SocketListener(IoThread& thread, OnSocket on_socket)
      : on_socket_(std::move(on_socket)), acceptor_(thread.context()), pause_(thread.context()) {}

  Result<> bind(const HttpServerOptions& options);

  uint16_t port() const override { return port_; }

  void accept() override {
    acceptor_.async_wait(tcp::acceptor::wait_read, [this](error_code error) {
      if (!error) accept_waiting(kMaxAcceptsPerEvent);
    });
  }

  void close() override {
    pause_.cancel();
    closing_ = true;
    take_no_more_handshakes();
    // Handshakes that are under way then, their clients finish in a moment, or never.
    const int64_t end_ns = system_clock().now_ns() + kHandshakesNs;
    for (bool more_to_come = true; more_to_come && system_clock().now_ns() < end_ns;) {
      more_to_come = shakes_hands();
      accept_waiting(kBacklog);
      if (more_to_come) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    error_code ignored;
    acceptor_.close(ignored);
  }

 private:
  enum class Accepted { Connection, Nothing, Shortage };
  Accepted accept_one();
  void accept_waiting(int most);
  void sit_out_shortage();
  void take_no_more_handshakes();
  bool shakes_hands() const;

  const OnSocket on_socket_;
  tcp::acceptor acceptor_;
  asio::steady_timer pause_;
  uint16_t port_ = 0;
  bool closing_ = false;
  int64_t next_shortage_line_ns_ = 0;
};

Result<> SocketListener::bind(const HttpServerOptions& options) {
  error_code error;
  const asio::ip::address address = options.address == "localhost"
                                        ? asio::ip::address_v4::loopback()
                                        : asio::ip::make_address(options.address, error);
  if (error) {
    return invalid_argument(
        "{}: '{}' is not an IP address to listen on; use for example 0.0.0.0, 127.0.0.1 or ::",
        options.name, options.address);
  }
  const tcp::endpoint endpoint(address, options.port);
  const auto failed = [&](const char* what) {
    return internal_error("{}: cannot {} '{}': {}", options.name, what, text_of(endpoint),
                          error.message());
  };
  if (acceptor_.open(endpoint.protocol(), error)) return failed("open a socket for");
  acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  // Accepted sockets inherit these. TCP_USER_TIMEOUT ends connections whose peer's machine is gone.
  acceptor_.set_option(tcp::no_delay(true), error);
  const int listener = acceptor_.native_handle();
  const auto gone_ms = static_cast<unsigned>(options.write_timeout.count());
  ::setsockopt(listener, IPPROTO_TCP, TCP_USER_TIMEOUT, &gone_ms, sizeof gone_ms);
  if (const int on = 1;
      options.reuse_port && ::setsockopt(listener, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0) {
    error = error_code(errno, boost::system::system_category());
    return failed("share the port of");
  }
  acceptor_.bind(endpoint, error);
  if (!error) acceptor_.listen(kBacklog, error);
  if (error == asio::error::address_in_use) return taken(endpoint, options.port_hint);
  if (error == boost::system::errc::address_not_available) {
    return invalid_argument("{}: '{}' is not an address of this machine", options.name,
                            options.address);
  }
  if (error == asio::error::access_denied) {
    return invalid_argument("{}: no permission to listen on '{}'; choose a port above 1023{}",
                            options.name, text_of(endpoint),
                            options.port_hint.empty() ? "" : ": " + options.port_hint);
  }
  if (error) return failed("listen on");
  acceptor_.non_blocking(true, error);
  port_ = acceptor_.local_endpoint(error).port();
  return {};
}

SocketListener::Accepted SocketListener::accept_one() {
  tcp::endpoint peer;
  socklen_t size = static_cast<socklen_t>(peer.capacity());
  const int descriptor =
      ::accept4(acceptor_.native_handle(), peer.data(), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (descriptor >= 0) {
    contain("accepting a connection", [&] {
      AcceptedSocket socket(descriptor, {});
      socket.set_peer(text_of(peer));
      on_socket_(std::move(socket));
    });
    return Accepted::Connection;
  }
  switch (errno) {
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
      return Accepted::Shortage;
    case ECONNABORTED:
    case EINTR:
    case EPROTO:
      return Accepted::Connection;  // that one is gone; there may be others
    default:
      return Accepted::Nothing;
  }
}

void SocketListener::accept_waiting(int most) {
  for (int i = 0; i < most; ++i) {
    switch (accept_one()) {
      case Accepted::Connection:
        continue;
      case Accepted::Shortage:
        return sit_out_shortage();
      case Accepted::Nothing:
        i = most;
        break;
    }
  }
  if (!closing_) accept();
}

// The queue stays readable, so waiting for it would spin: look again after a while, when
// descriptors may be free.
void SocketListener::sit_out_shortage() {
  if (closing_) return;
  if (const int64_t now = system_clock().now_ns(); now >= next_shortage_line_ns_) {
    next_shortage_line_ns_ = now + kShortageLogNs;
    log_warning(
        "port {}: no file descriptors or memory for new connections, they wait; see ulimit -n",
        port_);
  }
  pause_.expires_after(kShortagePause);
  pause_.async_wait([this](error_code error) {
    if (!error) accept_waiting(kMaxAcceptsPerEvent);
  });
}

// Whether some client has been answered and not yet answered back.
bool SocketListener::shakes_hands() const {
  return std::ranges::any_of(tcp_rows(port_),
                             [](const TcpRow& row) { return row.state == kTcpHalfOpen; });
}

// Closing a listening socket resets the connections that the kernel completed after the last
// accept. So that there are none, segments that open one (SYN without ACK) are dropped first; their
// senders try again and find the port closed. Without the filter (a kernel that refuses it) a few
// clients are reset.
void SocketListener::take_no_more_handshakes() {
  constexpr uint32_t kFlagsOffset = 13;  // in the TCP header, where a socket's filter begins
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, kFlagsOffset),
      BPF_STMT(BPF_ALU | BPF_AND | BPF_K, TH_SYN | TH_ACK),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, TH_SYN, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 0),
      BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
  };
  const sock_fprog filter{static_cast<unsigned short>(std::size(code)), code};
  ::setsockopt(acceptor_.native_handle(), SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter);
}

}  // namespace

AcceptedSocket::~AcceptedSocket() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<std::unique_ptr<Listener>> Listener::open(const HttpServerOptions& options, IoThread& thread,
                                                 OnSocket on_socket) {
  auto listener = std::make_unique<SocketListener>(thread, std::move(on_socket));
  NESO_TRY_VOID(listener->bind(options));
  return std::unique_ptr<Listener>(std::move(listener));
}

}  // namespace neso::net
