// SPDX-License-Identifier: Apache-2.0
#include "api/triton/caller.h"

#include <gtest/gtest.h>

namespace neso::triton {
namespace {

class CallerTest : public ::testing::Test {
 protected:
  std::optional<int64_t> wait_us(net::Headers headers) {
    const net::HttpRequest request{.headers = std::move(headers), .peer = "127.0.0.1:1"};
    const Caller caller = caller_of(request, clock_);
    if (!caller.deadline_ns) return std::nullopt;
    return (*caller.deadline_ns - clock_.now_ns()) / 1000;
  }
  ManualClock clock_;
};

TEST_F(CallerTest, ReadsEveryKnownHeader) {
  EXPECT_EQ(wait_us({{"request-timeout", "2"}}), 2'000'000);
  EXPECT_EQ(wait_us({{"Request-Timeout", "0.25"}}), 250'000);
  EXPECT_EQ(wait_us({{"X-Request-Timeout-Ms", "20"}}), 20'000);
  EXPECT_EQ(wait_us({{"x-envoy-expected-rq-timeout-ms", "15000"}}), 15'000'000);
  EXPECT_EQ(wait_us({{"connect-timeout-ms", "7"}}), 7'000);
  EXPECT_EQ(wait_us({{"X-Server-Timeout", "60"}}), 60'000'000);
  EXPECT_EQ(wait_us({{"x-stainless-read-timeout", "600"}}), 600'000'000);
  EXPECT_EQ(wait_us({{"grpc-timeout", "100m"}}), 100'000);
  EXPECT_EQ(wait_us({{"grpc-timeout", "2M"}}), 120'000'000);
  EXPECT_EQ(wait_us({{"grpc-timeout", "5000n"}}), 5);
}

TEST_F(CallerTest, TheEarliestOfSeveralCounts) {
  EXPECT_EQ(wait_us({{"Request-Timeout", "2"}, {"X-Request-Timeout-Ms", "20"}}), 20'000);
}

TEST_F(CallerTest, WhatIsNoTimeIsNoLimit) {
  for (const char* value : {"", "0", "-1", "soon", "1e999", "5 s", "nan", "99999999999"})
    EXPECT_EQ(wait_us({{"Request-Timeout", value}}), std::nullopt) << value;
  for (const char* value : {"", "m", "1x", "0n", "99999999H"})
    EXPECT_EQ(wait_us({{"grpc-timeout", value}}), std::nullopt) << value;
}

TEST_F(CallerTest, AConnectionIsAClient) {
  const auto client = [](std::string peer) { return caller_of({.peer = std::move(peer)}).client; };
  EXPECT_EQ(client("127.0.0.1:1"), client("127.0.0.1:1"));
  EXPECT_NE(client("127.0.0.1:1"), client("127.0.0.1:2"));
  EXPECT_NE(client(""), 0U);
}

}  // namespace
}  // namespace neso::triton
