// SPDX-License-Identifier: Apache-2.0
// The server with bad input and slow senders, over real sockets; the ids are those of the bad-input
// catalogue. Which bytes are refused is request_parser_test's subject: here it is what the client
// sees and that nothing gets through.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "net/test_server.h"

namespace neso::net {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::string_view kGet = "GET /x HTTP/1.1\r\nHost: h\r\n\r\n";

class Refusals : public ::testing::Test {
 protected:
  void start(const HttpServerOptions& options) {
    server_ = start_server(options, [this](HttpRequest request, Respond respond) {
      ++handled_;
      echo(std::move(request), std::move(respond));
    });
  }
  void SetUp() override { start(test_options()); }

  // The bytes are answered with `status` and the connection is closed in good order, without a
  // handler run.
  void expect_refused(std::string_view bytes, int status) {
    const int before = handled_;
    TestClient client(server_->port());
    ASSERT_TRUE(client.send(bytes)) << status;
    const auto answer = client.answer();
    ASSERT_TRUE(answer) << bytes.substr(0, 60);
    EXPECT_EQ(answer->status, status) << bytes.substr(0, 60);
    EXPECT_TRUE(answer->has("\r\nConnection: close\r\n"));
    EXPECT_THAT(answer->body, HasSubstr("\"status\":" + std::to_string(status)));
    EXPECT_TRUE(client.closed_by_peer());
    EXPECT_EQ(handled_, before);
  }

  std::atomic<int> handled_{0};
  std::unique_ptr<HttpServer> server_;
};

TEST_F(Refusals, B01_OneByteChunks) {
  std::string bytes = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 500'000; ++i) bytes += "1\r\nx\r\n";
  TestClient client(server_->port());
  ASSERT_TRUE(client.send(bytes));  // taken to the end although it was refused long before
  const auto answer = client.answer();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 400);
  EXPECT_THAT(answer->body,
              HasSubstr("Chunked request body exceeds maximum of 65536 non-empty chunks. "
                        "Send fewer or larger HTTP chunks."));
  EXPECT_TRUE(client.closed_by_peer());
}

TEST_F(Refusals, B02_ChunkSizes) {
  for (const char* size : {"FFFFFFFFFFFFFFFFF", "-1", "0x10"}) {
    expect_refused("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" +
                       std::string(size) + "\r\n",
                   400);
  }
}

TEST_F(Refusals, B02_MissingLastLineEndAtTheEnd) {
  TestClient client(server_->port());
  client.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n");
  client.finish_sending();
  EXPECT_THAT(client.rest(), HasSubstr("HTTP/1.1 400 Bad Request\r\n"));
  EXPECT_EQ(handled_, 0);
}

TEST_F(Refusals, B03_SmuggledRequestIsNeverExecuted) {
  const std::string smuggled = "0\r\n\r\nGET /admin HTTP/1.1\r\nHost: h\r\n\r\n";
  for (const char* headers :
       {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: 5\r\nContent-Length: 44\r\n", "Content-Length: +5\r\n",
        "Content-Length: 5, 5\r\n", "Transfer-Encoding: identity, chunked, x\r\n",
        "Transfer-Encoding : chunked\r\n", "X: 1\nContent-Length: 5\r\n",
        "X: 1\r\n Content-Length: 5\r\n"}) {
    expect_refused("POST / HTTP/1.1\r\nHost: h\r\n" + std::string(headers) + "\r\n" + smuggled,
                   400);
  }
  expect_refused("POST / HTTP/1.1\r\nHost: h\r\nX: " + std::string(1, '\0') + "\r\n\r\n" + smuggled,
                 400);
}

TEST_F(Refusals, B04_TooManyTooLong) {
  std::string headers;
  for (int i = 0; i < 10'000; ++i) headers += "X: 1\r\n";
  expect_refused("GET / HTTP/1.1\r\nHost: h\r\n" + headers + "\r\n", 431);
  expect_refused("GET / HTTP/1.1\r\nHost: h\r\nX: " + std::string(1 << 20, 'x') + "\r\n\r\n", 431);
  expect_refused("GET /" + std::string(64 * 1024, 'x') + " HTTP/1.1\r\nHost: h\r\n\r\n", 414);
}

TEST_F(Refusals, B05_DeclaredTooLargeIsRefusedFromTheHead) {
  expect_refused("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10737418240\r\n\r\n", 413);
  expect_refused(
      "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 10737418240\r\n\r\n",
      413);
}

TEST_F(Refusals, B05_AClientThatSendsAllTheSameSeesThe413) {
  TestClient client(server_->port());
  client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 70000000\r\n\r\n");
  const std::string megabyte(1 << 20, 'x');
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(client.send(megabyte));
  const auto answer = client.answer();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 413);
  EXPECT_THAT(answer->body,
              HasSubstr("67108864 bytes. Use --http-max-input-size to increase the limit."));
  EXPECT_TRUE(client.closed_by_peer());
}

TEST_F(Refusals, B06_HeadByDripIsCutByTheTotalDeadline) {
  HttpServerOptions options = test_options();
  options.header_timeout = milliseconds(80);
  start(options);
  TestClient client(server_->port());
  client.send("GET / HTTP/1.1\r\nHost: h\r\nX: ");
  TestClient canary(server_->port());
  while (!client.has_input()) {
    client.send("x");  // progress does not help
    ASSERT_TRUE(canary.ask(kGet));
  }
  const auto answer = client.answer();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 408);
}

TEST_F(Refusals, B06_SlowBodyIs408) {
  HttpServerOptions options = test_options();
  options.body_window = milliseconds(60);
  start(options);
  TestClient client(server_->port());
  client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\nabc");
  const auto answer = client.answer();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 408);
  EXPECT_THAT(answer->body, HasSubstr("slower than 1024 bytes per second"));
  EXPECT_EQ(handled_, 0);
}

TEST_F(Refusals, SilentConnectionsAreClosedWithoutAWord) {
  HttpServerOptions options = test_options();
  options.header_timeout = milliseconds(60);
  options.idle_timeout = milliseconds(60);
  start(options);
  TestClient fresh(server_->port());
  EXPECT_TRUE(fresh.closed_by_peer());
  TestClient idle(server_->port());
  ASSERT_TRUE(idle.ask(kGet));
  EXPECT_TRUE(idle.closed_by_peer());
}

TEST_F(Refusals, B07_AReaderThatStopsIsDropped) {
  HttpServerOptions options = test_options();
  options.write_timeout = milliseconds(80);
  std::shared_ptr<const std::atomic<bool>> gone;
  server_ = start_server(options, [&](HttpRequest request, Respond respond) {
    gone = request.gone;
    respond(text_answer(std::string(32 << 20, 'x')));
  });
  TestClient client(server_->port(), 4096);
  ASSERT_TRUE(client.send(kGet));
  ASSERT_TRUE(client.receive(1));
  EXPECT_TRUE(eventually([&] { return server_->requests_in_flight() == 0; }));
  EXPECT_TRUE(gone->load());
  EXPECT_LT(client.rest().size(), size_t{32} << 20);
  server_.reset();  // before what its handler uses
}

TEST_F(Refusals, B11_OtherProtocolsAndMethods) {
  expect_refused("GET / HTTP/0.9\r\n\r\n", 505);
  expect_refused("GET / HTTP/9.9\r\n\r\n", 505);
  expect_refused("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505);
  expect_refused(std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11), 400);
  expect_refused(std::string(1 << 20, '\x9c'), 400);
  TestClient client(server_->port());
  const auto answer = client.ask("CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 405);
  EXPECT_TRUE(answer->has("\r\nAllow: GET, POST\r\n"));
}

TEST_F(Refusals, UnknownExpectationIs417) {
  expect_refused("POST / HTTP/1.1\r\nHost: h\r\nExpect: tea\r\nContent-Length: 3\r\n\r\n", 417);
}

TEST_F(Refusals, ARefusalWaitsForTheAnswersBeforeIt) {
  HeldRequests held;
  server_ = start_server(test_options(), held.handler());
  TestClient client(server_->port());
  client.send(std::string(kGet) + "GARBAGE\r\n\r\n");
  HeldRequest first = held.next();
  ASSERT_TRUE(first.respond);
  first.respond(text_answer("first"));
  const auto good = client.answer();
  ASSERT_TRUE(good);
  EXPECT_EQ(good->body, "first");
  const auto refused = client.answer();
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 400);
  EXPECT_TRUE(client.closed_by_peer());
  server_.reset();  // before what its handler uses
}

TEST_F(Refusals, ConnectionsOverTheLimitGet503) {
  HttpServerOptions options = test_options();
  options.max_connections = 2;
  start(options);
  TestClient first(server_->port());
  TestClient second(server_->port());
  ASSERT_TRUE(first.ask(kGet));
  ASSERT_TRUE(second.ask(kGet));
  TestClient third(server_->port());
  const auto refused = third.ask(kGet);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 503);
  EXPECT_TRUE(third.closed_by_peer());
  third.close();
  first.close();
  EXPECT_TRUE(eventually([&] {
    const auto answer = TestClient(server_->port()).ask(kGet);
    return answer && answer->status == 200;
  }));
}

TEST_F(Refusals, EachIsToldOfOnceWhoeverRefuses) {
  std::vector<int> told;  // by the one I/O thread
  HttpServerOptions options = test_options();
  options.threads = 1;
  options.on_refusal = [&](int status) { told.push_back(status); };
  server_ = start_server(options, [](HttpRequest request, Respond respond) {
    if (request.path == "/lost") return;  // the respond that is dropped answers
    HttpResponse response = text_answer(request.path == "/not-ready" ? "" : "words");
    response.status = request.path == "/good" ? 200 : 400;
    respond(std::move(response));
  });
  TestClient client(server_->port());
  for (const char* path : {"/good", "/bad", "/not-ready", "/lost"}) {
    ASSERT_TRUE(client.send("GET " + std::string(path) + " HTTP/1.1\r\nHost: x\r\n\r\n"));
    ASSERT_TRUE(client.answer()) << path;
  }
  ASSERT_TRUE(client.send("GET\r\n\r\n"));
  ASSERT_TRUE(client.answer());
  server_.reset();
  EXPECT_THAT(told, ElementsAre(400, 503, 400));
}

TEST_F(Refusals, WithoutAnErrorBodyTheSentenceIsPlainText) {
  HttpServerOptions options = test_options();
  options.error_body = nullptr;
  start(options);
  TestClient client(server_->port());
  const auto answer = client.ask("GET / HTTP/9.9\r\n\r\n");
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->has("\r\nContent-Type: text/plain\r\n"));
  EXPECT_EQ(answer->body, "This HTTP version is not supported. Use HTTP/1.1.\n");
}

std::string body_request(size_t bytes) {
  return "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(bytes) + "\r\n\r\n" +
         std::string(bytes, 'x');
}

class MemoryRefusals : public Refusals {
 protected:
  static constexpr size_t kBudget = 2'000'000;
  void SetUp() override {
    options_.memory = &memory_;
    options_.threads = 1;
  }
  MemoryBudget memory_{kBudget};
  HttpServerOptions options_ = test_options();
};

TEST_F(MemoryRefusals, ABodyThatFindsNoMemoryGets503AndIsNotKept) {
  HeldRequests held;
  server_ = start_server(options_, held.handler());
  TestClient first(server_->port());
  ASSERT_TRUE(first.send(body_request(700'000)));
  HeldRequest one = held.next();
  ASSERT_TRUE(one.respond);
  EXPECT_GE(memory_.held_by_requests(), 700'000U);
  MemoryShare others(&memory_, MemoryUse::Model);
  others.set(memory_.free() - 300'000);

  TestClient second(server_->port());
  const auto refused = second.ask(body_request(600'000));
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 503);
  EXPECT_TRUE(refused->has("\r\nRetry-After: 1\r\n"));
  EXPECT_TRUE(refused->has("\r\nConnection: close\r\n"));
  EXPECT_THAT(refused->body, HasSubstr("try again later"));
  EXPECT_TRUE(
      eventually([&] { return memory_.held_by_requests() == one.request.memory->bytes(); }));

  TestClient third(server_->port());
  ASSERT_TRUE(third.send(body_request(100'000)));
  HeldRequest three = held.next();
  three.respond(text_answer("third"));
  EXPECT_EQ(third.answer()->body, "third");
  one.respond(text_answer("first"));
  EXPECT_EQ(first.answer()->body, "first");
  one.request = {};
  three.request = {};
  EXPECT_TRUE(eventually([&] { return memory_.held_by_requests() == 0; }));
}

TEST_F(MemoryRefusals, ABodyThatCanNeverFitGets413) {
  start(options_);
  TestClient client(server_->port());
  const auto refused = client.ask(body_request(2 * kBudget));
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 413);
  EXPECT_THAT(refused->body, HasSubstr("--memory-budget-mb"));
  EXPECT_EQ(handled_, 0);
}

TEST_F(MemoryRefusals, AnAnswerCountsUntilItsClientHasTakenIt) {
  server_ = start_server(options_, [](HttpRequest, Respond respond) {
    respond(text_answer(std::string(20'000'000, 'y')));
  });
  TestClient slow(server_->port(), 4096);
  ASSERT_TRUE(slow.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
  ASSERT_TRUE(eventually([&] { return memory_.held_by_requests() > 0; }));
  EXPECT_EQ(memory_.held_by_requests(), 20'000'000U);
  TestClient other(server_->port());
  EXPECT_EQ(other.ask(body_request(100'000))->status, 503);
  slow.close();
  EXPECT_TRUE(eventually([&] { return memory_.held_by_requests() == 0; }));
}

}  // namespace
}  // namespace neso::net
