// SPDX-License-Identifier: Apache-2.0
#include "net/http_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "net/test_server.h"

namespace neso::net {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr int64_t kPatienceNs = 5'000'000'000;

// Answers each request with its piece of bytes as they are, then closes or keeps the connection.
class ScriptedServer {
 public:
  struct Turn {
    std::string bytes;
    bool close = false;
  };

  explicit ScriptedServer(std::vector<Turn> turns) : turns_(std::move(turns)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address);
    ::listen(listener_, 16);
    socklen_t size = sizeof address;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    endpoint_ = {"127.0.0.1", ntohs(address.sin_port)};
    thread_ = std::thread([this] { serve(); });
  }
  ~ScriptedServer() {
    ended_ = true;
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }

  const Endpoint& endpoint() const { return endpoint_; }
  size_t connections() const { return connections_; }

 private:
  void serve() {
    size_t turn = 0;
    while (turn < turns_.size()) {
      const int peer = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (peer < 0) return;
      ++connections_;
      bool open = true;
      while (open && turn < turns_.size() && read_request(peer)) {
        const Turn& now = turns_[turn++];
        ::send(peer, now.bytes.data(), now.bytes.size(), MSG_NOSIGNAL);
        open = !now.close;
      }
      // Kept until the client has left, when it was to be kept.
      while (open && !ended_ && read_request(peer)) {
      }
      ::close(peer);
    }
  }
  // Requests of these tests have no body.
  bool read_request(int peer) {
    std::string head;
    char piece[4096];
    while (head.find("\r\n\r\n") == std::string::npos) {
      pollfd wait{peer, POLLIN, 0};
      while (::poll(&wait, 1, 10) == 0) {
        if (ended_) return false;
      }
      const ssize_t got = ::recv(peer, piece, sizeof piece, 0);
      if (got <= 0) return false;
      head.append(piece, static_cast<size_t>(got));
    }
    return true;
  }

  const std::vector<Turn> turns_;
  Endpoint endpoint_;
  int listener_ = -1;
  std::atomic<bool> ended_{false};
  std::atomic<size_t> connections_{0};
  std::thread thread_;
};

std::string answer_of(const std::string& body) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

struct Received {
  HttpFailure failure;
  int status;
  std::string body;
};

// One request after another on one client, the next from inside the answer.
std::vector<Received> ask_in_turn(const Endpoint& endpoint, const std::string& request,
                                  size_t times, int64_t patience_ns = kPatienceNs) {
  std::vector<Received> received;
  ClientLoop loop;
  std::function<void()> send;
  HttpClient client(loop, endpoint, [&](const HttpReply& reply) {
    received.push_back({reply.failure, reply.status, std::string(reply.body)});
    received.size() < times ? send() : loop.stop();
  });
  send = [&] { client.send(request, system_clock().now_ns() + patience_ns); };
  send();
  loop.run();
  return received;
}

HttpUrl url_of(const Endpoint& endpoint) {
  return *parse_http_url(endpoint.address + ":" + std::to_string(endpoint.port));
}

const std::string kGet = "GET / HTTP/1.1\r\nHost: test\r\n\r\n";

TEST(HttpClient, SendsOnOneConnectionAndReadsEveryBody) {
  const auto server = start_server(test_options(), echo);
  const Endpoint endpoint{"127.0.0.1", server->port()};
  const std::string body(300'000, 'x');  // more than a socket takes at once
  const std::string request = http_request_bytes(
      url_of(endpoint), {"POST", "/path?q", {{"Content-Type", "text/plain"}}, body});
  for (const Received& received : ask_in_turn(endpoint, request, 3)) {
    EXPECT_EQ(received.failure, HttpFailure::None);
    EXPECT_EQ(received.status, 200);
    EXPECT_EQ(received.body, "POST /path?q:" + body);
  }
}

TEST(HttpClient, KeepsItsConnection) {
  ScriptedServer server({{answer_of("one")}, {answer_of("")}, {answer_of("three")}});
  const auto received = ask_in_turn(server.endpoint(), kGet, 3);
  EXPECT_EQ(received[0].body + received[1].body + received[2].body, "onethree");
  EXPECT_EQ(server.connections(), 1U);
}

TEST(HttpClient, ReadsChunksAndBodiesThatEndWithTheConnection) {
  ScriptedServer server({{"HTTP/1.1 200 OK\r\nTransfer-Encoding: "
                          "chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"},
                         {"HTTP/1.1 503 Busy\r\n\r\nto the end", true}});
  const auto received = ask_in_turn(server.endpoint(), kGet, 2);
  EXPECT_EQ(received[0].body, "abcde");
  EXPECT_EQ(received[1].status, 503);
  EXPECT_EQ(received[1].body, "to the end");
}

TEST(HttpClient, AskedToCloseItConnectsAnewForTheNextRequest) {
  ScriptedServer server(
      {{"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\na", true},
       {answer_of("b")}});
  const auto received = ask_in_turn(server.endpoint(), kGet, 2);
  EXPECT_EQ(received[0].body + received[1].body, "ab");
  EXPECT_EQ(server.connections(), 2U);
}

TEST(HttpClient, AKeptConnectionThatTheServerClosedCostsNoRequest) {
  ScriptedServer server({{answer_of("a"), true}, {answer_of("b")}});
  const auto received = ask_in_turn(server.endpoint(), kGet, 2);
  EXPECT_EQ(received[1].failure, HttpFailure::None);
  EXPECT_EQ(received[1].body, "b");
}

TEST(HttpClient, TellsHowARequestFailed) {
  ScriptedServer cut({{"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", true}});
  EXPECT_EQ(ask_in_turn(cut.endpoint(), kGet, 1)[0].failure, HttpFailure::Reset);
  ScriptedServer silent({{"", true}});
  EXPECT_EQ(ask_in_turn(silent.endpoint(), kGet, 1)[0].failure, HttpFailure::Reset);
  ScriptedServer noise({{"no HTTP at all\r\n\r\n"}});
  EXPECT_EQ(ask_in_turn(noise.endpoint(), kGet, 1)[0].failure, HttpFailure::Malformed);
  ScriptedServer late({{""}});
  EXPECT_EQ(ask_in_turn(late.endpoint(), kGet, 1, 1'000'000)[0].failure, HttpFailure::Timeout);
  Endpoint nobody;
  {
    ScriptedServer gone({});
    nobody = gone.endpoint();
  }
  EXPECT_EQ(ask_in_turn(nobody, kGet, 1)[0].failure, HttpFailure::Connect);
}

TEST(HttpClient, IsOfUseAfterEveryFailure) {
  ScriptedServer server({{"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", true},
                         {"noise\r\n\r\n"},
                         {answer_of("well")}});
  const auto received = ask_in_turn(server.endpoint(), kGet, 3);
  EXPECT_EQ(received[0].failure, HttpFailure::Reset);
  EXPECT_EQ(received[1].failure, HttpFailure::Malformed);
  EXPECT_EQ(received[2].body, "well");
}

TEST(HttpClient, BytesBehindAnAnswerAreNotTheNextOne) {
  ScriptedServer server({{answer_of("one") + answer_of("forged")}, {answer_of("two")}});
  const auto received = ask_in_turn(server.endpoint(), kGet, 2);
  EXPECT_EQ(received[1].body, "two");
}

TEST(HttpAsk, AnswersWithAnyStatusAndFailsWithASentence) {
  ScriptedServer server({{"HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nno"}, {"", true}});
  const HttpUrl url = url_of(server.endpoint());
  const auto answer = http_ask(url, server.endpoint(), {"GET", "/x"}, kPatienceNs);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 404);
  EXPECT_EQ(answer->body, "no");
  const auto failed = http_ask(url, server.endpoint(), {"GET", "/x"}, kPatienceNs);
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().message, HasSubstr("GET /x at " + url.authority + " gave no answer"));
}

}  // namespace
}  // namespace neso::net
