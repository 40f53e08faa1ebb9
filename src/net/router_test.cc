// SPDX-License-Identifier: Apache-2.0
#include "net/router.h"

#include <gtest/gtest.h>

#include <optional>

namespace neso::net {
namespace {

HttpRequest request_for(std::string method, std::string path) {
  HttpRequest request;
  request.method = std::move(method);
  request.path = std::move(path);
  return request;
}

// Routes whose handlers write down which of them ran, and with what.
class RouterTest : public ::testing::Test {
 protected:
  Route route(std::string method, std::string pattern) {
    std::string name = method + " " + pattern;
    return {std::move(method), std::move(pattern),
            [this, name](HttpRequest, PathParameters parameters, Respond respond) {
              ran_ = name;
              parameters_ = std::move(parameters);
              respond(HttpResponse{});
            }};
  }
  Router router(std::vector<Route> routes) {
    return Router(
        std::move(routes),
        [this](HttpRequest, Respond respond) {
          ran_ = "404";
          respond(HttpResponse{});
        },
        [this](HttpRequest, const std::string& allow, Respond respond) {
          ran_ = "405 " + allow;
          respond(HttpResponse{});
        });
  }
  std::string run(const Router& router, std::string method, std::string path) {
    ran_.clear();
    router(request_for(std::move(method), std::move(path)),
           Respond([](Result<HttpResponse> response) { EXPECT_TRUE(response); }));
    return ran_;
  }

  std::string ran_;
  PathParameters parameters_;
};

TEST_F(RouterTest, MatchesLiteralPathsWholly) {
  const Router r =
      router({route("GET", "/v2"), route("GET", "/v2/health/live"), route("GET", "/")});
  EXPECT_EQ(run(r, "GET", "/v2"), "GET /v2");
  EXPECT_EQ(run(r, "GET", "/v2/health/live"), "GET /v2/health/live");
  EXPECT_EQ(run(r, "GET", "/"), "GET /");
  for (const char* path :
       {"/v2/", "/v2/health", "/v2/health/live/", "//v2", "/V2", "/v2/health/live/x", "", "*"}) {
    EXPECT_EQ(run(r, "GET", path), "404") << path;
  }
}

TEST_F(RouterTest, HandsOverParametersUndecoded) {
  const Router r = router({route("POST", "/v2/models/{model}/versions/{version}/infer")});
  EXPECT_EQ(run(r, "POST", "/v2/models/simpl%65..%2f/versions/12/infer"),
            "POST /v2/models/{model}/versions/{version}/infer");
  EXPECT_EQ(parameters_.size(), 2u);
  EXPECT_EQ(parameters_["model"], "simpl%65..%2f");
  EXPECT_EQ(parameters_["version"], "12");
  EXPECT_EQ(parameters_["other"], "");
}

TEST_F(RouterTest, ParameterNeverMatchesAnEmptySegment) {
  const Router r = router({route("GET", "/m/{model}/x"), route("GET", "/m/{model}")});
  EXPECT_EQ(run(r, "GET", "/m//x"), "404");
  EXPECT_EQ(run(r, "GET", "/m/"), "404");
}

TEST_F(RouterTest, LiteralWinsAndADeadEndGoesBack) {
  const Router r = router({route("GET", "/v2/models/{model}"), route("GET", "/v2/models/stats"),
                           route("GET", "/v2/models/{model}/{verb}/x"),
                           route("GET", "/v2/models/{model}/ready")});
  EXPECT_EQ(run(r, "GET", "/v2/models/stats"), "GET /v2/models/stats");
  EXPECT_EQ(run(r, "GET", "/v2/models/stats/ready"), "GET /v2/models/{model}/ready");
  EXPECT_EQ(parameters_["model"], "stats");
  EXPECT_EQ(run(r, "GET", "/v2/models/stats/ready/x"), "GET /v2/models/{model}/{verb}/x");
  EXPECT_EQ(parameters_["verb"], "ready");
  EXPECT_EQ(parameters_.size(), 2u);
}

TEST_F(RouterTest, DigitsSegmentTakesDigitsOnly) {
  const Router r = router({route("GET", "/m/{model}/versions/{version:digits}")});
  EXPECT_EQ(run(r, "GET", "/m/a/versions/007"), "GET /m/{model}/versions/{version:digits}");
  EXPECT_EQ(parameters_["version"], "007");
  for (const char* version : {"x", "1x", "-1", "1.5", ""}) {
    EXPECT_EQ(run(r, "GET", std::string("/m/a/versions/") + version), "404") << version;
  }
}

TEST_F(RouterTest, AnotherMethodIs405WithAllow) {
  const Router r = router({route("GET", "/a/{x}"), route("POST", "/a/{x}"), route("GET", "/b")});
  EXPECT_EQ(run(r, "PUT", "/a/1"), "405 GET, POST");
  EXPECT_EQ(run(r, "HEAD", "/b"), "405 GET");
  EXPECT_EQ(run(r, "get", "/b"), "405 GET");
  EXPECT_EQ(run(r, "PUT", "/c"), "404");
}

TEST_F(RouterTest, B13_AGateStandsBeforeEveryMethodOfItsPath) {
  Route guarded = route("GET", "/a/{x}");
  guarded.gate = [](const HttpRequest& request) -> std::optional<HttpResponse> {
    if (request.query == "open") return std::nullopt;
    return HttpResponse{.status = 403};
  };
  const Router r = router({guarded, route("POST", "/a/{x}"), route("GET", "/b")});
  for (const char* method : {"GET", "POST", "PUT"}) {
    HttpRequest request = request_for(method, "/a/1");
    ran_.clear();
    r(request, Respond([](Result<HttpResponse> response) { EXPECT_EQ(response->status, 403); }));
    EXPECT_EQ(ran_, "") << method;
    request.query = "open";
    r(request, Respond([](Result<HttpResponse>) {}));
    EXPECT_NE(ran_, "") << method;
  }
  EXPECT_EQ(run(r, "GET", "/b"), "GET /b");
}

TEST_F(RouterTest, RoutersChainThroughNotFound) {
  const Router second = router({route("GET", "/second")});
  const Router first({route("GET", "/first")}, second,
                     [](HttpRequest, const std::string&, Respond) { FAIL(); });
  EXPECT_EQ(run(first, "GET", "/first"), "GET /first");
  EXPECT_EQ(run(first, "GET", "/second"), "GET /second");
  EXPECT_EQ(run(first, "GET", "/third"), "404");
}

TEST_F(RouterTest, LongPathsCostNoStack) {
  const Router r = router({route("GET", "/{a}/{b}")});
  std::string path;
  for (int i = 0; i < 100'000; ++i) path += "/x";
  EXPECT_EQ(run(r, "GET", path), "404");
}

TEST(RouterDeathTest, RefusesADoubledRoute) {
  const Route route{"GET", "/a/{x}", [](HttpRequest, PathParameters, Respond) {}};
  EXPECT_DEATH(Router({route, route}, nullptr, nullptr), "added");
}

TEST(MethodNotAllowed, CarriesAllow) {
  const HttpResponse response = method_not_allowed("GET", "{}", "text/plain");
  EXPECT_EQ(response.status, 405);
  ASSERT_EQ(response.headers.size(), 1u);
  EXPECT_EQ(response.headers[0], (std::pair<std::string, std::string>("Allow", "GET")));
  EXPECT_EQ(response.content_type, "text/plain");
}

}  // namespace
}  // namespace neso::net
