// SPDX-License-Identifier: Apache-2.0
#include "api/triton/guarded_routes.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>

namespace neso::triton {
namespace {

// A router with one route in each of two groups, of which "logging" needs the header.
class GuardedRoutesTest : public ::testing::Test {
 protected:
  GuardedRoutesTest() {
    GuardedRoutes routes;
    const auto answer = [](net::HttpRequest, net::PathParameters, net::Respond respond) {
      respond(net::HttpResponse{});
    };
    routes.of("logging").push_back({"GET", "/logging", answer});
    routes.of("health").push_back({"GET", "/health", answer});
    router_.emplace(
        routes.take({{"logging", {"X-Key", "secret"}}}),
        [](net::HttpRequest, net::Respond respond) { respond(net::HttpResponse{.status = 404}); },
        [](net::HttpRequest, const std::string&, net::Respond respond) {
          respond(net::HttpResponse{.status = 405});
        });
  }

  net::HttpResponse ask(std::string path, net::Headers headers, std::string method = "GET") {
    net::HttpRequest request;
    request.method = std::move(method);
    request.path = std::move(path);
    request.headers = std::move(headers);
    net::HttpResponse answer;
    (*router_)(std::move(request), net::Respond([&](Result<net::HttpResponse> response) {
                 answer = std::move(response).value();
               }));
    return answer;
  }

  std::optional<net::Router> router_;
};

TEST_F(GuardedRoutesTest, B13_ARestrictedGroupNeedsItsHeader) {
  const net::HttpResponse refusal = ask("/logging", {});
  EXPECT_EQ(refusal.status, 403);
  EXPECT_EQ(refusal.content_type, "text/plain");
  EXPECT_EQ(refusal.body, R"({"error":"This API is restricted, expecting header 'X-Key'"})");
  EXPECT_EQ(ask("/logging", {{"X-Key", "secret"}}).status, 200);
  EXPECT_EQ(ask("/logging", {{"x-kEY", "secret"}}).status, 200);
  EXPECT_EQ(ask("/health", {}).status, 200);
}

TEST_F(GuardedRoutesTest, B14_NearlyRightIsWrong) {
  for (const char* value : {"", "secre", "secrets", "Secret", "secret ", "secret,secret"})
    EXPECT_EQ(ask("/logging", {{"X-Key", value}}).status, 403) << value;
  EXPECT_EQ(ask("/logging", {{"X-Key", "secret"}, {"x-key", "other"}}).status, 403);
  EXPECT_EQ(ask("/logging", {{"X-Key", "secret"}, {"x-key", "secret"}}).status, 200);
}

TEST_F(GuardedRoutesTest, B13_TheHeaderComesBeforeTheMethod) {
  EXPECT_EQ(ask("/logging", {}, "PUT").status, 403);
  EXPECT_EQ(ask("/logging", {{"X-Key", "secret"}}, "PUT").status, 405);
}

TEST(GuardedRoutesDeathTest, AGroupThatTritonDoesNotKnowIsABug) {
  GuardedRoutes routes;
  EXPECT_DEATH(routes.of("nobody"), "");
}

}  // namespace
}  // namespace neso::triton
