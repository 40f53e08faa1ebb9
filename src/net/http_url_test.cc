// SPDX-License-Identifier: Apache-2.0
#include "net/http_url.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "net/test_server.h"

namespace neso::net {
namespace {

using testing::HasSubstr;

TEST(HttpUrl, IsTakenApart) {
  struct Case {
    const char* url;
    HttpUrl parts;
  };
  for (const auto& [url, parts] : {
           Case{"http://host:8000", {"host", 8000, "host:8000", ""}},
           Case{"HTTP://host", {"host", 80, "host", ""}},
           Case{"host:1/a/b/", {"host", 1, "host:1", "/a/b"}},
           Case{"http://[::1]:9/", {"::1", 9, "[::1]:9", ""}},
           Case{"http://[::1]", {"::1", 80, "[::1]", ""}},
       }) {
    const auto parsed = parse_http_url(url);
    ASSERT_TRUE(parsed) << url << ": " << parsed.error().message;
    EXPECT_EQ(parsed->host, parts.host) << url;
    EXPECT_EQ(parsed->port, parts.port) << url;
    EXPECT_EQ(parsed->authority, parts.authority) << url;
    EXPECT_EQ(parsed->path, parts.path) << url;
  }
}

TEST(HttpUrl, WhatIsNoneIsRefused) {
  for (const char* url : {"", "http://", "http://:80", "host:0", "host:65536", "host:80x",
                          "host:", "a host", "http://user@host", "host/a?b", "host\r\n"})
    EXPECT_FALSE(parse_http_url(url)) << url;
  EXPECT_THAT(parse_http_url("https://host").error().message, HasSubstr("only plain http://"));
}

TEST(FindEndpoint, TakesTheAddressThatAnswers) {
  const auto server = start_server(test_options(), echo);  // on 127.0.0.1 alone
  const auto url = parse_http_url("localhost:" + std::to_string(server->port()));
  const auto endpoint = find_endpoint(*url);
  ASSERT_TRUE(endpoint) << endpoint.error().message;
  EXPECT_EQ(endpoint->address, "127.0.0.1");
  EXPECT_EQ(endpoint->port, server->port());
}

TEST(FindEndpoint, SaysThatNobodyListens) {
  auto server = start_server(test_options(), echo);
  const std::string authority = "127.0.0.1:" + std::to_string(server->port());
  server.reset();
  const auto endpoint = find_endpoint(*parse_http_url(authority));
  ASSERT_FALSE(endpoint);
  EXPECT_THAT(endpoint.error().message, HasSubstr("nothing can be reached at " + authority));
}

}  // namespace
}  // namespace neso::net
