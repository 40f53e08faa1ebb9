// SPDX-License-Identifier: Apache-2.0
// Start, stop, drain; clients that leave; ports and file descriptors that run out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <thread>
#include <vector>

#include "net/test_server.h"

namespace neso::net {
namespace {

using std::chrono::milliseconds;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::string_view kGet = "GET /x HTTP/1.1\r\nHost: h\r\n\r\n";
constexpr milliseconds kPatience{TestClient::kPatienceMs};

TEST(HttpServerStart, F31_TakenPortIsNotReadyAndTheOwnerNamed) {
  const auto first = start_server(test_options(), echo);
  HttpServerOptions options = test_options();
  options.port = first->port();
  const auto second = HttpServer::start(options, echo);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::NotReady);
  EXPECT_THAT(
      second.error().message,
      StartsWith("Socket '127.0.0.1:" + std::to_string(options.port) + "' already in use by "));
  EXPECT_THAT(second.error().message, EndsWith("(pid " + std::to_string(::getpid()) + ")"));
  options.port_hint = "choose another with --x";
  EXPECT_THAT(HttpServer::start(options, echo).error().message,
              EndsWith("); choose another with --x"));
}

TEST(HttpServerStart, F31_ReusePortShares) {
  HttpServerOptions options = test_options();
  options.reuse_port = true;
  const auto first = start_server(options, echo);
  options.port = first->port();
  EXPECT_TRUE(HttpServer::start(options, echo));
}

TEST(HttpServerStart, RefusesAddressesThatAreNotOurs) {
  HttpServerOptions options = test_options();
  options.address = "no-address";
  const auto malformed = HttpServer::start(options, echo);
  ASSERT_FALSE(malformed);
  EXPECT_EQ(malformed.error().code, ErrorCode::InvalidArgument);
  EXPECT_THAT(malformed.error().message, HasSubstr("'no-address' is not an IP address"));
  options.address = "203.0.113.7";
  const auto foreign = HttpServer::start(options, echo);
  ASSERT_FALSE(foreign);
  EXPECT_EQ(foreign.error().code, ErrorCode::InvalidArgument);
  EXPECT_THAT(foreign.error().message, HasSubstr("not an address of this machine"));
}

TEST(HttpServerStart, TakesLocalhost) {
  HttpServerOptions options = test_options();
  options.address = "localhost";
  const auto server = start_server(options, echo);
  EXPECT_TRUE(TestClient(server->port()).ask(kGet));
}

TEST(HttpServerStop, EndsAtOnceAndLateAnswersAreHarmless) {
  HeldRequests held;
  auto server = start_server(test_options(), held.handler());
  std::vector<TestClient> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back(server->port());
    clients.back().send(kGet);
  }
  std::vector<HeldRequest> waiting;
  for (int i = 0; i < 4; ++i) waiting.push_back(held.next());
  std::thread answering([&] { waiting[0].respond(text_answer("in between")); });
  server.reset();
  answering.join();
  waiting[1].respond(text_answer("too late"));
  waiting[2] = {};  // dropped
  EXPECT_TRUE(waiting[3].request.gone->load());
  EXPECT_EQ(clients[3].rest(), "");
}

// --- clients that leave

class ClientGone : public ::testing::Test {
 protected:
  HeldRequests held_;  // outlives the server, which fills it
  std::unique_ptr<HttpServer> server_;
  void SetUp() override { server_ = start_server(test_options(), held_.handler()); }

  // Sends `bytes`, lets `leave` happen once the first request is held, and expects its work to be
  // given up.
  template <typename Leave>
  void expect_gone(std::string_view bytes, Leave leave) {
    TestClient client(server_->port());
    client.send(bytes);
    HeldRequest held = held_.next();
    ASSERT_TRUE(held.respond);
    EXPECT_FALSE(held.request.gone->load());
    leave(client);
    EXPECT_TRUE(eventually([&] { return held.request.gone->load(); }));
    held.respond(text_answer("nobody listens"));
    EXPECT_TRUE(eventually([&] { return server_->requests_in_flight() == 0; }));
  }
};

TEST_F(ClientGone, F29_ByReset) {
  expect_gone(kGet, [](TestClient& client) { client.reset(); });
}

TEST_F(ClientGone, F29_ByClose) {
  expect_gone(kGet, [](TestClient& client) { client.close(); });
}

TEST_F(ClientGone, F29_ByCloseAfterARequestThatAskedToClose) {
  expect_gone("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
              [](TestClient& client) { client.close(); });
  expect_gone("GET / HTTP/1.0\r\n\r\n", [](TestClient& client) { client.close(); });
}

TEST_F(ClientGone, B09_ByResetBehindMorePipelinedRequestsThanAreRead) {
  std::string requests;
  for (int i = 0; i < 200; ++i) requests += kGet;
  expect_gone(requests, [](TestClient& client) { client.reset(); });
}

TEST_F(ClientGone, F29_InTheMiddleOfTheNextBody) {
  expect_gone(std::string(kGet) + "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nabc",
              [](TestClient& client) { client.reset(); });
}

TEST_F(ClientGone, B09_HalfClosedClientGetsItsAnswer) {
  for (const std::string_view request : {kGet, std::string_view("GET /x HTTP/1.0\r\n\r\n")}) {
    TestClient client(server_->port());
    client.send(request);
    client.finish_sending();
    HeldRequest held = held_.next();
    ASSERT_TRUE(held.respond);
    ASSERT_TRUE(client.receive(1));  // the server has seen the end, and looked whether we are there
    EXPECT_FALSE(held.request.gone->load());
    held.respond(text_answer("answer"));
    const auto answer = client.answer();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->body, "answer");
    EXPECT_TRUE(client.closed_by_peer());
  }
}

TEST_F(ClientGone, B09_AtManyCutsNothingIsLeftBehind) {
  const std::string bytes =
      std::string(kGet) +
      "POST /p HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" +
      std::string(kGet);
  for (size_t cut = 0; cut < bytes.size(); cut += bytes.size() / 10) {
    for (const bool reset : {false, true}) {
      TestClient client(server_->port());
      client.send(bytes.substr(0, cut));
      reset ? client.reset() : client.close();
    }
  }
  TestClient canary(server_->port());
  canary.send(kGet);
  EXPECT_TRUE(eventually([&] {
    while (held_.size() > 0) held_.next().respond(text_answer("answer"));
    return canary.has_input() && server_->requests_in_flight() == 0;
  }));
  EXPECT_TRUE(canary.answer());
}

// --- drain

TEST(HttpServerDrain, ClosesIdleConnectionsAndRefusesNewOnes) {
  const auto server = start_server(test_options(), echo);
  TestClient idle(server->port());
  ASSERT_TRUE(idle.ask(kGet));
  server->stop_accepting();
  EXPECT_FALSE(TestClient(server->port()).connected());
  EXPECT_FALSE(server->linger(milliseconds(1)));
  EXPECT_FALSE(idle.has_input());
  EXPECT_TRUE(server->drain(kPatience));
  EXPECT_TRUE(idle.closed_by_peer());
  server->stop_accepting();  // again: nothing
  EXPECT_TRUE(server->linger(kPatience));
}

TEST(HttpServerDrain, F04_AnIdleConnectionIsServedOnceMore) {
  HeldRequests held;
  const auto server = start_server(test_options(), held.handler());
  TestClient busy(server->port());
  TestClient idle(server->port());
  idle.send(kGet);
  held.next().respond(text_answer("first"));
  ASSERT_TRUE(idle.answer());
  busy.send(kGet);
  HeldRequest long_one = held.next();
  ASSERT_TRUE(long_one.respond);
  server->stop_accepting();
  idle.send(kGet);
  HeldRequest last = held.next();
  ASSERT_TRUE(last.respond);
  last.respond(text_answer("last"));
  const auto answer = idle.answer();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body, "last");
  EXPECT_TRUE(answer->has("\r\nConnection: close\r\n"));
  EXPECT_TRUE(idle.closed_by_peer());
  long_one.respond(text_answer("long"));
  EXPECT_TRUE(busy.answer());
  EXPECT_TRUE(server->linger(kPatience));
}

TEST(HttpServerDrain, F04_FinishesWhatWasBegun) {
  HeldRequests held;
  const auto server = start_server(test_options(), held.handler());
  TestClient client(server->port());
  client.send(kGet);
  HeldRequest request = held.next();
  ASSERT_TRUE(request.respond);
  EXPECT_EQ(server->requests_in_flight(), 1u);
  TestClient uploading(server->port());
  uploading.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nabc");
  server->stop_accepting();
  EXPECT_FALSE(server->drain(milliseconds(1)));
  request.respond(text_answer("answer"));
  const auto answer = client.answer();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body, "answer");
  EXPECT_TRUE(answer->has("\r\nConnection: close\r\n"));
  EXPECT_TRUE(client.closed_by_peer());

  EXPECT_FALSE(server->drain(milliseconds(1)));  // the upload goes on
  uploading.send("def");
  request = held.next();
  ASSERT_TRUE(request.respond);
  EXPECT_EQ(request.request.body, "abcdef");
  request.respond(text_answer("late answer"));
  ASSERT_TRUE(uploading.answer());
  EXPECT_TRUE(server->drain(kPatience));
  EXPECT_EQ(server->requests_in_flight(), 0u);
}

TEST(HttpServerDrain, F04_ARequestThatCrossesTheDecisionIsServed) {
  const auto server = start_server(test_options(), echo);
  TestClient fresh(server->port());  // connected, silent
  server->stop_accepting();
  const auto answer = fresh.ask(kGet);
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->has("\r\nConnection: close\r\n"));
  EXPECT_TRUE(server->drain(kPatience));
}

TEST(HttpServerDrain, ASilentConnectionDelaysItForTheGraceOnly) {
  HttpServerOptions options = test_options();
  options.drain_grace = milliseconds(50);
  const auto server = start_server(options, echo);
  TestClient silent(server->port());
  server->stop_accepting();
  EXPECT_TRUE(server->drain(kPatience));
  EXPECT_TRUE(silent.closed_by_peer());
}

TEST(HttpServerDrain, MayBeStartedByAHandler) {
  std::unique_ptr<HttpServer> server;
  std::atomic<HttpServer*> started{nullptr};
  server = start_server(test_options(), [&](HttpRequest request, Respond respond) {
    started.load()->stop_accepting();
    echo(std::move(request), std::move(respond));
  });
  started = server.get();
  TestClient client(server->port());
  const auto answer = client.ask(kGet);
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->has("\r\nConnection: close\r\n"));
  EXPECT_TRUE(server->drain(kPatience));
}

TEST(HttpServerDrain, WithoutStopWaitsForRequestsOnly) {
  const auto server = start_server(test_options(), echo);
  TestClient client(server->port());
  ASSERT_TRUE(client.ask(kGet));
  EXPECT_TRUE(server->drain(kPatience));
  EXPECT_TRUE(client.ask(kGet));
}

TEST(HttpServerDrain, F04_UnderLoadNoAcceptedRequestFails) {
  std::atomic<int> accepted{0};
  std::atomic<int> served{0};
  const auto server = start_server(test_options(), [&](HttpRequest request, Respond respond) {
    ++accepted;
    std::thread([request = std::move(request), respond = std::move(respond)]() mutable {
      echo(std::move(request), std::move(respond));
    }).detach();
  });
  std::atomic<int> lost{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([&] {
      for (;;) {
        TestClient client(server->port());
        if (!client.connected()) return;
        client.ask(kGet) ? ++served : ++lost;
      }
    });
  }
  EXPECT_TRUE(eventually([&] { return served > 200; }));
  server->stop_accepting();
  for (std::thread& client : clients) client.join();
  EXPECT_TRUE(server->drain(kPatience));
  EXPECT_EQ(served, accepted);
  EXPECT_EQ(lost, 0);
}

// --- file descriptors

TEST(HttpServerShortage, F25_AcceptPausesAndRecovers) {
  const auto server = start_server(test_options(), echo);
  TestClient living(server->port());
  ASSERT_TRUE(living.ask(kGet));

  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  TestClient waiting(server->port());  // connected by the kernel, perhaps not accepted
  ASSERT_TRUE(waiting.ask(kGet));
  const int lowest = ::dup(0);  // every descriptor below is in use
  ::close(lowest);
  const rlimit short_of{static_cast<rlim_t>(lowest) + 1, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &short_of), 0);
  TestClient starved(server->port());  // takes the last one: accepting it fails
  starved.send(kGet);
  EXPECT_TRUE(living.ask(kGet));  // those who are there are served
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_TRUE(starved.answer());  // after the pause
}

}  // namespace
}  // namespace neso::net
