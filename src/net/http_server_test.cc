// SPDX-License-Identifier: Apache-2.0
// The server with well-behaved clients: framing, order, sizes.
#include "net/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "net/test_server.h"

namespace neso::net {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::string_view kGet = "GET /x HTTP/1.1\r\nHost: h\r\n\r\n";

std::string post(const std::string& body, const std::string& headers = "") {
  return "POST /p HTTP/1.1\r\nHost: h\r\n" + headers +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

TEST(HttpServer, AnswersWithExactBytes) {
  const auto server = start_server(test_options(), echo);
  TestClient client(server->port());
  client.send("GET /a?b=c HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(client.rest(),
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 11\r\nConnection: "
            "close\r\n\r\n"
            "GET /a?b=c:");
}

TEST(HttpServer, KeepsTheConnection) {
  const auto server = start_server(test_options(), echo);
  TestClient client(server->port());
  for (int i = 0; i < 100; ++i) {
    const auto answer = client.ask(post("body " + std::to_string(i)));
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->body, "POST /p:body " + std::to_string(i));
    EXPECT_FALSE(answer->has("Connection:"));
  }
  EXPECT_TRUE(eventually([&] { return server->requests_in_flight() == 0; }));
}

TEST(HttpServer, FollowsHttp10AndConnectionHeaders) {
  const auto server = start_server(test_options(), echo);
  TestClient old(server->port());
  old.send("GET / HTTP/1.0\r\n\r\n");
  EXPECT_THAT(old.rest(), HasSubstr("\r\nConnection: close\r\n\r\nGET /:"));
  TestClient kept(server->port());
  for (int i = 0; i < 2; ++i) {
    const auto answer = kept.ask("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    ASSERT_TRUE(answer);
    EXPECT_TRUE(answer->has("\r\nConnection: keep-alive\r\n"));
  }
  TestClient closing(server->port());
  ASSERT_TRUE(closing.ask("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
  EXPECT_TRUE(closing.closed_by_peer());
}

TEST(HttpServer, HeadHasNoBody) {
  const auto server = start_server(test_options(), echo);
  TestClient client(server->port());
  client.send("HEAD /x HTTP/1.1\r\nHost: h\r\n\r\n");
  const auto head = client.answer(true);
  ASSERT_TRUE(head);
  EXPECT_TRUE(head->has("\r\nContent-Length: 8\r\n"));
  const auto next = client.ask(kGet);  // starts right behind the head
  ASSERT_TRUE(next);
  EXPECT_EQ(next->body, "GET /x:");
}

TEST(HttpServer, TellsThePeer) {
  const auto server = start_server(test_options(), [](HttpRequest request, Respond respond) {
    EXPECT_FALSE(request.gone->load());
    respond(text_answer(request.peer));
  });
  TestClient client(server->port());
  const auto answer = client.ask(kGet);
  ASSERT_TRUE(answer);
  EXPECT_THAT(answer->body, StartsWith("127.0.0.1:"));
}

TEST(HttpServer, ReadsChunkedBodies) {
  const auto server = start_server(test_options(), echo);
  TestClient client(server->port());
  for (int i = 0; i < 2; ++i) {
    const auto answer = client.ask(
        "POST /p HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n "
        "world\r\n0\r\n\r\n");
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->body, "POST /p:hello world");
  }
}

TEST(HttpServer, ContinuesAClientThatWaits) {
  const auto server = start_server(test_options(), echo);
  TestClient client(server->port());
  client.send("POST /p HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  const auto go_on = client.answer();
  ASSERT_TRUE(go_on);
  EXPECT_EQ(go_on->head, "HTTP/1.1 100 Continue\r\n\r\n");
  const auto answer = client.ask("body");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body, "POST /p:body");
}

TEST(HttpServer, CarriesALargeBodyBothWays) {
  const auto server = start_server(test_options(), echo);
  TestClient client(server->port());
  std::string body(10 << 20, '\0');
  for (size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>(i * 2654435761u >> 24);
  const auto answer = client.ask(post(body));
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->body == "POST /p:" + body);
}

TEST(HttpServer, WritesALargeAnswerToASlowReader) {
  const std::string body(4 << 20, 'x');
  const auto server = start_server(
      test_options(), [&](HttpRequest, Respond respond) { respond(text_answer(body)); });
  TestClient slow(server->port(), 4096);
  slow.send(kGet);
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(slow.receive(1));
  TestClient other(server->port());
  EXPECT_TRUE(other.ask(kGet));  // nobody waits for the slow one
  const auto answer = slow.answer();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body.size(), body.size());
}

TEST(HttpServer, AnswersPipelinedRequestsInOrderWhateverTheOrderOfAnswers) {
  HeldRequests held;
  const auto server = start_server(test_options(), held.handler());
  TestClient client(server->port());
  std::string requests;
  for (int i = 0; i < 8; ++i)
    requests += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: h\r\n\r\n";
  client.send(requests);
  std::vector<HeldRequest> waiting;
  for (int i = 0; i < 8; ++i) waiting.push_back(held.next());
  std::vector<std::thread> threads;
  for (auto it = waiting.rbegin(); it != waiting.rend(); ++it) {
    std::thread([&] { it->respond(text_answer("to " + it->request.path)); }).join();
  }
  for (int i = 0; i < 8; ++i) {
    const auto answer = client.answer();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->body, "to /" + std::to_string(i));
  }
}

TEST(HttpServer, BoundsTheUnansweredRequestsOfAConnection) {
  HeldRequests held;
  const auto server = start_server(test_options(), held.handler());
  TestClient client(server->port());
  std::string requests;
  constexpr int kRequests = 200;  // B09's
  for (int i = 0; i < kRequests; ++i)
    requests += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: h\r\n\r\n";
  client.send(requests);
  size_t most = 0;
  for (int i = 0; i < kRequests; ++i) {
    HeldRequest next = held.next();
    ASSERT_TRUE(next.respond);
    most = std::max(most, server->requests_in_flight());
    EXPECT_EQ(next.request.path, "/" + std::to_string(i));
    next.respond(text_answer(next.request.path));
    const auto answer = client.answer();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->body, "/" + std::to_string(i));
  }
  EXPECT_GT(most, 1u);
  EXPECT_LE(most, 17u);  // 16, and one that is written but not yet counted down
}

TEST(HttpServer, GoesOnWhenAllUnansweredRequestsOfAConnectionAreAnsweredAtOnce) {
  HeldRequests held;
  const auto server = start_server(test_options(), held.handler());
  TestClient client(server->port());
  std::string requests;
  constexpr int kRequests = 20;  // four more than may wait, and nothing comes after them
  for (int i = 0; i < kRequests; ++i)
    requests += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: h\r\n\r\n";
  client.send(requests);
  std::vector<HeldRequest> waiting;
  for (int i = 0; i < 16; ++i) waiting.push_back(held.next());
  // The first one last: until then none of them can be written.
  for (auto it = waiting.rbegin(); it != waiting.rend(); ++it)
    it->respond(text_answer(it->request.path));
  for (int i = 16; i < kRequests; ++i) {
    HeldRequest next = held.next();
    ASSERT_TRUE(next.respond);
    next.respond(text_answer(next.request.path));
  }
  for (int i = 0; i < kRequests; ++i) {
    const auto answer = client.answer();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->body, "/" + std::to_string(i));
  }
}

TEST(HttpServer, DroppedRequestsGet503FailedOnes500AndTheConnectionStays) {
  const auto server = start_server(test_options(), [](HttpRequest request, Respond respond) {
    if (request.path == "/error") respond(Error{ErrorCode::Internal, "it broke"});
  });
  TestClient client(server->port());
  const auto dropped = client.ask("GET /drop HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_TRUE(dropped);
  EXPECT_EQ(dropped->status, 503);
  EXPECT_THAT(dropped->head, HasSubstr("\r\nRetry-After: 1\r\n"));
  EXPECT_THAT(dropped->body, HasSubstr("dropped the request before it was answered"));
  const auto failed = client.ask("GET /error HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->body, "{\"status\":500,\"error\":\"it broke\"}");
}

TEST(HttpServer, ServesManyConnectionsFromManyThreads) {
  HttpServerOptions options = test_options();
  options.threads = 3;
  std::atomic<int> handled{0};
  const auto server = start_server(options, [&](HttpRequest request, Respond respond) {
    ++handled;
    std::thread([request = std::move(request), respond = std::move(respond)]() mutable {
      respond(text_answer(std::string(request.body)));
    }).detach();
  });
  std::vector<TestClient> clients;
  for (int i = 0; i < 200; ++i) clients.emplace_back(server->port());
  for (int round = 0; round < 3; ++round) {
    for (size_t i = 0; i < clients.size(); ++i)
      ASSERT_TRUE(clients[i].send(post(std::to_string(i))));
    for (size_t i = 0; i < clients.size(); ++i) {
      const auto answer = clients[i].answer();
      ASSERT_TRUE(answer);
      EXPECT_EQ(answer->body, std::to_string(i));
    }
  }
  EXPECT_EQ(handled, 600);
}

TEST(HttpServer, AThrowingHandlerClosesOnlyItsConnection) {
  const auto server = start_server(test_options(), [](HttpRequest request, Respond respond) {
    if (request.path == "/throw") throw std::runtime_error("boom");
    echo(std::move(request), std::move(respond));
  });
  TestClient good(server->port());
  ASSERT_TRUE(good.ask(kGet));
  TestClient bad(server->port());
  EXPECT_FALSE(bad.ask("GET /throw HTTP/1.1\r\nHost: h\r\n\r\n"));
  EXPECT_TRUE(good.ask(kGet));
}

}  // namespace
}  // namespace neso::net
