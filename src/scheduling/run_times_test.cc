// SPDX-License-Identifier: Apache-2.0
#include "scheduling/run_times.h"

#include <gtest/gtest.h>

namespace neso {
namespace {

constexpr int64_t kUs = 1000;

TEST(RunTimes, AreNotShortBeforeEnoughHaveRun) {
  RunTimes times;
  for (int i = 0; i < 15; ++i) times.ran(1 * kUs);
  EXPECT_FALSE(times.are_short());
  times.ran(1 * kUs);
  EXPECT_TRUE(times.are_short());
}

TEST(RunTimes, AreNotShortWhenTheyTakeLongerThanAHandover) {
  RunTimes times;
  for (int i = 0; i < 100; ++i) times.ran(60 * kUs);
  EXPECT_FALSE(times.are_short());
}

TEST(RunTimes, AreStillShortWhenAThreadIsInterruptedNowAndThen) {
  RunTimes times;
  for (int i = 0; i < 1000; ++i) {
    times.ran(i % 30 == 29 ? 5000 * kUs : 10 * kUs);
    if (i >= 15) {
      ASSERT_TRUE(times.are_short()) << i;
    }
  }
}

TEST(RunTimes, AreNotShortWhenOneInFiveIsLong) {
  RunTimes times;
  int shorts = 0;
  for (int i = 0; i < 1000; ++i) {
    times.ran(i % 5 == 4 ? 5000 * kUs : 10 * kUs);
    shorts += times.are_short() ? 1 : 0;
  }
  EXPECT_EQ(shorts, 0);
}

TEST(RunTimes, FollowAModelThatSlowsDown) {
  RunTimes times;
  for (int i = 0; i < 100; ++i) times.ran(10 * kUs);
  for (int i = 0; i < 20; ++i) times.ran(100 * kUs);
  EXPECT_FALSE(times.are_short());
}

}  // namespace
}  // namespace neso
