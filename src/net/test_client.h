// SPDX-License-Identifier: Apache-2.0
// For tests: an HTTP client on a raw loopback socket. It sends exactly the bytes it is given and
// can leave in every rude way. Nothing blocks for longer than kPatience.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace neso::net {

struct ClientAnswer {
  int status = 0;
  std::string head;  // with its blank line
  std::string body;
  bool has(std::string_view line) const { return head.find(line) != std::string::npos; }
};

class TestClient {
 public:
  static constexpr int kPatienceMs = 5000;
  static constexpr size_t kBufferBytes = 64 * 1024;

  // `receive_buffer`: the socket's, for slow readers; 0 leaves it.
  explicit TestClient(uint16_t port, int receive_buffer = 0) {
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (receive_buffer > 0) {
      ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) close();
  }
  TestClient(TestClient&& other) noexcept
      : socket_(std::exchange(other.socket_, -1)), received_(std::move(other.received_)) {}
  TestClient& operator=(TestClient&& other) noexcept {
    close();
    socket_ = std::exchange(other.socket_, -1);
    received_ = std::move(other.received_);
    ended_ = false;
    return *this;
  }
  ~TestClient() { close(); }

  bool connected() const { return socket_ >= 0; }

  // False when the peer does not take the bytes.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      if (!ready(POLLOUT)) return false;
      const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent < 0 && errno == EAGAIN) continue;
      if (sent < 0) return false;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }
  void finish_sending() { ::shutdown(socket_, SHUT_WR); }
  void close() {
    if (socket_ >= 0) ::close(std::exchange(socket_, -1));
  }
  void reset() {
    const linger now{1, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close();
  }

  // The next answer; nullopt when the connection ends or stalls before it is whole.
  std::optional<ClientAnswer> answer(bool to_head_request = false) {
    while (received_.find("\r\n\r\n") == std::string::npos) {
      if (!receive()) return std::nullopt;
    }
    ClientAnswer answer;
    answer.head = received_.substr(0, received_.find("\r\n\r\n") + 4);
    received_.erase(0, answer.head.size());
    answer.status = std::atoi(answer.head.c_str() + answer.head.find(' '));
    size_t size = 0;
    if (const size_t at = answer.head.find("Content-Length: "); at != std::string::npos) {
      size = std::strtoull(answer.head.c_str() + at + 16, nullptr, 10);
    }
    if (to_head_request) return answer;
    while (received_.size() < size) {
      if (!receive()) return std::nullopt;
    }
    answer.body = received_.substr(0, size);
    received_.erase(0, size);
    return answer;
  }
  std::optional<ClientAnswer> ask(std::string_view bytes) {
    send(bytes);
    return answer();
  }
  // Whether the peer closes without another byte; false also when it resets or stalls.
  bool closed_by_peer() {
    if (receive() || !received_.empty()) return false;
    return ended_;
  }
  // Whatever comes until the connection ends.
  std::string rest() {
    while (receive()) {
    }
    return std::exchange(received_, {});
  }
  // Whether something has come, or the end.
  bool has_input() {
    pollfd look{socket_, POLLIN, 0};
    return ::poll(&look, 1, 0) == 1;
  }
  // One read of at most `most` bytes, to be slow on purpose.
  bool receive(size_t most = kBufferBytes) {
    if (!ready(POLLIN)) return false;
    if (!buffer_) buffer_.reset(new char[kBufferBytes]);
    const ssize_t got = ::recv(socket_, buffer_.get(), std::min(most, kBufferBytes), 0);
    ended_ = got == 0;
    if (got <= 0) return false;
    received_.append(buffer_.get(), static_cast<size_t>(got));
    return true;
  }

 private:
  bool ready(short events) {
    pollfd wait{socket_, events, 0};
    return socket_ >= 0 && ::poll(&wait, 1, kPatienceMs) == 1;
  }

  int socket_ = -1;
  std::string received_;
  std::unique_ptr<char[]> buffer_;
  bool ended_ = false;
};

}  // namespace neso::net
