// SPDX-License-Identifier: Apache-2.0
#include "net/loopback_guard.h"

#include <gtest/gtest.h>

namespace neso::net {
namespace {

int status_for(std::string_view bound, Headers headers) {
  int status = 0;
  const HttpHandler handler = guard_loopback(
      bound, HttpResponse{}, [](const HttpRequest&, Respond respond) { respond(HttpResponse{}); });
  HttpRequest request;
  request.headers = std::move(headers);
  handler(std::move(request),
          Respond([&](Result<HttpResponse> response) { status = response->status; }));
  return status;
}

TEST(LoopbackGuard, KnowsThisMachinesNames) {
  for (const char* name : {"localhost", "localhost:8000", "LocalHost", "127.0.0.1", "127.0.0.1:1",
                           "127.1.2.3", "[::1]", "[::1]:80"}) {
    EXPECT_TRUE(is_loopback_authority(name)) << name;
  }
  for (const char* name :
       {"", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "127.0.0",
        "1127.0.0.1", "10.0.0.1", "localhost:80a", "[::2]", "user@127.0.0.1"}) {
    EXPECT_FALSE(is_loopback_authority(name)) << name;
  }
}

TEST(LoopbackGuard, RefusesForeignHostsAndOriginsOnALoopbackAddress) {
  EXPECT_EQ(status_for("127.0.0.1", {{"Host", "127.0.0.1:8000"}}), 200);
  EXPECT_EQ(status_for("127.0.0.1", {}), 200);
  EXPECT_EQ(status_for("127.0.0.1", {{"Host", "evil.example"}}), 403);
  EXPECT_EQ(status_for("localhost", {{"Host", "localhost"}, {"Origin", "https://evil.example"}}),
            403);
  EXPECT_EQ(status_for("::1", {{"Host", "[::1]:8000"}, {"Origin", "null"}}), 403);
  EXPECT_EQ(status_for("::1", {{"Host", "[::1]:8000"}, {"Origin", "http://localhost:3000"}}), 200);
}

TEST(LoopbackGuard, LeavesServersForOthersAlone) {
  EXPECT_EQ(
      status_for("0.0.0.0", {{"Host", "service.example"}, {"Origin", "https://page.example"}}),
      200);
}

}  // namespace
}  // namespace neso::net
