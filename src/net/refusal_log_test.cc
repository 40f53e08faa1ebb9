// SPDX-License-Identifier: Apache-2.0
#include "net/refusal_log.h"

#include <gtest/gtest.h>

namespace neso::net {
namespace {

TEST(RefusalLog, WritesOneLinePerAddressAndMinute) {
  ManualClock clock;
  RefusalLog log(clock);
  EXPECT_TRUE(log.note("s", "10.0.0.1:1", "400", "No."));
  EXPECT_FALSE(log.note("s", "10.0.0.1:2", "400", "No."));
  EXPECT_TRUE(log.note("s", "10.0.0.2:1", "400", "No."));
  EXPECT_TRUE(log.note("s", "[::1]:1", "400", "No."));
  clock.advance_ns(60'000'000'000);
  EXPECT_TRUE(log.note("s", "10.0.0.1:3", "400", "No."));
}

TEST(RefusalLog, IsBounded) {
  ManualClock clock;
  RefusalLog log(clock);
  int lines = 0;
  for (int i = 0; i < 3000; ++i)
    lines += log.note("s", "10.0." + std::to_string(i) + ":1", "400", "No.");
  EXPECT_EQ(lines, 1024);
}

}  // namespace
}  // namespace neso::net
