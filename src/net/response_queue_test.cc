// SPDX-License-Identifier: Apache-2.0
#include "net/response_queue.h"

#include <gtest/gtest.h>

namespace neso::net {
namespace {

HttpResponse response_with(std::string body) {
  HttpResponse response;
  response.content_type = "";
  response.body = std::move(body);
  return response;
}

std::string gathered(ResponseQueue& queue, bool close_after_last = false) {
  std::vector<std::string_view> views;
  queue.gather(close_after_last, views);
  std::string bytes;
  for (const auto view : views) bytes += view;
  return bytes;
}

std::string plain(std::string body) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

TEST(ResponseHead, IsExact) {
  HttpResponse response;
  response.body = "{}";
  response.headers = {{"X-A", "1"}};
  EXPECT_EQ(
      response_head(response, {}),
      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-A: 1\r\nContent-Length: 2\r\n\r\n");
  response.status = 404;
  response.content_type = "";
  EXPECT_EQ(response_head(response, {.keep_alive = false}),
            "HTTP/1.1 404 Not Found\r\nX-A: 1\r\nContent-Length: 2\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(response_head(HttpResponse{.content_type = ""}, {.http_1_0 = true}),
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n");
}

TEST(ResponseHead, CannotBeSplitByAHeader) {
  HttpResponse response = response_with("");
  response.headers = {{"X\r\nY", "a\r\nSet-Cookie: b\n"}};
  const std::string head = response_head(response, {});
  EXPECT_EQ(head, "HTTP/1.1 200 OK\r\nX  Y: a  Set-Cookie: b \r\nContent-Length: 0\r\n\r\n");
}

TEST(ResponseHead, KnowsTheReasonsOfOurStatuses) {
  EXPECT_EQ(reason_phrase(200), "OK");
  EXPECT_EQ(reason_phrase(431), "Request Header Fields Too Large");
  EXPECT_EQ(reason_phrase(505), "HTTP Version Not Supported");
  EXPECT_EQ(reason_phrase(799), "Unknown");
}

TEST(ResponseQueue, SendsABodysTailFromWhereItIs) {
  const auto first = std::make_shared<const std::string>("first");
  const auto second = std::make_shared<const std::string>("second");
  HttpResponse response = response_with("head,");
  response.tail = {{*first, first}, {*second, second}};
  ResponseQueue queue;
  queue.answer(queue.expect({}, 0), std::move(response));
  EXPECT_EQ(queue.answer_bytes(), 16U);
  std::vector<std::string_view> views;
  queue.gather(false, views);
  ASSERT_EQ(views.size(), 4U);
  EXPECT_EQ(views[2].data(), first->data());
  EXPECT_EQ(views[3].data(), second->data());
  std::string sent;
  while (!queue.empty()) {  // whatever is taken at a time
    const std::string now = gathered(queue);
    sent += now.substr(0, 3);
    queue.written(std::min<size_t>(3, now.size()));
  }
  EXPECT_EQ(sent, plain("head,firstsecond"));
  EXPECT_EQ(queue.answer_bytes(), 0U);
  EXPECT_EQ(first.use_count(), 1);
}

TEST(ResponseQueue, SendsMoreTailsThanOneWriteTakes) {
  HttpResponse response = response_with("");
  std::string expected;
  for (int i = 0; i < 100; ++i) {
    const auto piece = std::make_shared<const std::string>(std::to_string(i));
    response.tail.push_back({*piece, piece});
    expected += *piece;
  }
  ResponseQueue queue;
  queue.answer(queue.expect({}, 0), std::move(response));
  queue.answer(queue.expect({}, 0), response_with("next"));
  std::string sent;
  while (!queue.empty()) {
    const std::string now = gathered(queue);
    sent += now;
    queue.written(now.size());
  }
  EXPECT_EQ(sent, plain(expected) + plain("next"));
}

TEST(ResponseQueue, DropsTheTailWhereNoBodyIsSent) {
  const auto owner = std::make_shared<const std::string>("tail");
  HttpResponse response = response_with("body");
  response.tail = {{*owner, owner}};
  ResponseQueue queue;
  queue.answer(queue.expect({.head_request = true}, 0), std::move(response));
  EXPECT_EQ(gathered(queue), "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n");
  EXPECT_EQ(queue.answer_bytes(), 0U);
}

TEST(ResponseQueue, SendsInTheOrderOfRequests) {
  ResponseQueue queue;
  const uint64_t a = queue.expect({}, 1);
  const uint64_t b = queue.expect({}, 2);
  const uint64_t c = queue.expect({}, 4);
  EXPECT_EQ(queue.request_bytes(), 7u);
  queue.answer(c, response_with("c"));
  queue.answer(b, response_with("b"));
  EXPECT_EQ(gathered(queue), "");
  queue.answer(a, response_with("a"));
  EXPECT_EQ(gathered(queue), plain("a") + plain("b") + plain("c"));
  EXPECT_EQ(queue.written(plain("a").size()), 1u);
  EXPECT_EQ(queue.request_bytes(), 6u);
  EXPECT_EQ(queue.written(plain("b").size() + plain("c").size()), 2u);
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.requests(), 0u);
  EXPECT_FALSE(queue.closing());
}

TEST(ResponseQueue, GoesOnWhereAWriteStopped) {
  const std::string all = plain("first") + plain("") + plain("third");
  for (size_t cut = 0; cut <= all.size(); ++cut) {
    ResponseQueue queue;
    for (const char* body : {"first", "", "third"})
      queue.answer(queue.expect({}, 0), response_with(body));
    ASSERT_EQ(gathered(queue), all);
    size_t done = queue.written(cut);
    EXPECT_EQ(gathered(queue), all.substr(cut));
    done += queue.written(all.size() - cut);
    EXPECT_EQ(done, 3u);
    EXPECT_TRUE(queue.empty());
  }
}

TEST(ResponseQueue, IgnoresSecondAndStrayAnswers) {
  ResponseQueue queue;
  const uint64_t a = queue.expect({}, 0);
  queue.answer(a + 1, response_with("stray"));
  queue.answer(a, response_with("a"));
  queue.answer(a, response_with("again"));
  EXPECT_EQ(gathered(queue), plain("a"));
  EXPECT_EQ(queue.written(plain("a").size()), 1u);
  queue.answer(a, response_with("late"));
  EXPECT_EQ(gathered(queue), "");
}

TEST(ResponseQueue, HeadAndBodilessStatusesHaveNoBody) {
  ResponseQueue queue;
  queue.answer(queue.expect({.head_request = true}, 0), response_with("12345"));
  HttpResponse no_content = response_with("ignored");
  no_content.status = 204;
  queue.answer(queue.expect({}, 0), no_content);
  EXPECT_EQ(gathered(queue),
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n");
}

TEST(ResponseQueue, OnlyTheLastAnswerClosesWhileDraining) {
  ResponseQueue queue;
  const uint64_t a = queue.expect({}, 0);
  const uint64_t b = queue.expect({}, 0);
  queue.answer(a, response_with("a"));
  EXPECT_EQ(gathered(queue, true), plain("a"));
  EXPECT_FALSE(queue.closing());
  queue.answer(b, response_with("b"));
  EXPECT_NE(gathered(queue, true).find("Connection: close"), std::string::npos);
  EXPECT_TRUE(queue.closing());
}

TEST(ResponseQueue, ContinueWaitsForTheAnswersBeforeIt) {
  ResponseQueue queue;
  const uint64_t a = queue.expect({}, 0);
  queue.append_continue();
  EXPECT_EQ(gathered(queue), "");
  queue.answer(a, response_with("a"));
  const std::string all = plain("a") + "HTTP/1.1 100 Continue\r\n\r\n";
  EXPECT_EQ(gathered(queue), all);
  EXPECT_EQ(queue.written(all.size()), 1u);
  EXPECT_TRUE(queue.empty());
}

TEST(ResponseQueue, EarlyBytesStartTheAwaitedAnswer) {
  ResponseQueue queue;
  EXPECT_EQ(queue.early_bytes(), "");
  const uint64_t a = queue.expect({}, 0);
  EXPECT_EQ(queue.early_bytes(), "HTTP/1.1 ");
  EXPECT_EQ(queue.written(4), 0u);
  EXPECT_EQ(queue.early_bytes(), "/1.1 ");
  EXPECT_EQ(queue.written(5), 0u);
  EXPECT_EQ(queue.early_bytes(), "");
  queue.answer(a, response_with("a"));
  EXPECT_EQ(queue.early_bytes(), "");
  EXPECT_EQ(gathered(queue), plain("a").substr(9));
  EXPECT_EQ(queue.written(plain("a").size() - 9), 1u);
}

TEST(ResponseQueue, BodiesAreNotCopied) {
  ResponseQueue queue;
  HttpResponse response = response_with(std::string(1000, 'x'));
  const char* body = response.body.data();
  queue.answer(queue.expect({}, 0), std::move(response));
  std::vector<std::string_view> views;
  queue.gather(false, views);
  ASSERT_EQ(views.size(), 2u);
  EXPECT_EQ(views[1].data(), body);
}

}  // namespace
}  // namespace neso::net
