// SPDX-License-Identifier: Apache-2.0
// Which routes a restriction closes, and for whom.
#include "api/triton/restricted_routes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

namespace neso::triton {
namespace {

using ::testing::HasSubstr;

TEST(RestrictedRoutes, EveryPatternHasItsGroup) {
  const std::pair<const char*, const char*> cases[] = {
      {"/v2", "metadata"},
      {"/v2/models/{model}", "metadata"},
      {"/v2/health/live", "health"},
      {"/v2/models/{model}/ready", "health"},
      {"/v2/models/{model}/config", "model-config"},
      {"/v2/models/stats", "statistics"},
      {"/v2/models/{model}/versions/{version:digits}/infer", "inference"},
      {"/v2/models/{model}/generate_stream", "inference"},
      {"/v2/repository/index", "model-repository"},
      {"/v2/repository/models/{model}/load", "model-repository"},
      {"/v2/systemsharedmemory/region/{region}/status", "shared-memory"},
      {"/v2/cudasharedmemory/register", "shared-memory"},
      {"/v2/models/{model}/trace/setting", "trace"},
      {"/v2/logging", "logging"}};
  for (const auto& [pattern, group] : cases) EXPECT_EQ(api_group(pattern), group) << pattern;
}

TEST(RestrictedRoutes, OnlyTheRightHeaderAloneComesThrough) {
  std::vector<net::Route> routes;
  for (const char* pattern : {"/v2/logging", "/v2"}) {
    routes.push_back({"GET", pattern,
                      [](const net::HttpRequest&, const net::PathParameters&,
                         net::Respond respond) { respond(net::HttpResponse{}); }});
  }
  restrict_routes(routes, {{"logging", {"who", "me"}}});
  const auto ask = [&](size_t route, net::Headers headers) {
    net::HttpResponse answer;
    net::HttpRequest request;
    request.headers = std::move(headers);
    routes[route].handler(std::move(request), {}, net::Respond([&](Result<net::HttpResponse> got) {
                            answer = *std::move(got);
                          }));
    return answer;
  };
  const net::HttpResponse refused = ask(0, {});
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(refused.content_type, "text/plain");
  EXPECT_THAT(refused.body, HasSubstr("This API is restricted, expecting header 'who'"));
  EXPECT_EQ(ask(0, {{"who", "you"}}).status, 403);
  EXPECT_EQ(ask(0, {{"who", "me"}, {"Who", "you"}}).status, 403);
  EXPECT_EQ(ask(0, {{"Who", "me"}}).status, 200);
  EXPECT_EQ(ask(1, {}).status, 200);
}

}  // namespace
}  // namespace neso::triton
