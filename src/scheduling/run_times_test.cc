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

TEST(RunTimes, ForgetAnInterruptionSoon) {
  RunTimes times;
  for (int i = 0; i < 100; ++i) times.ran(10 * kUs);
  times.ran(1000 * kUs);
  EXPECT_FALSE(times.are_short());
  for (int i = 0; i < 50; ++i) times.ran(10 * kUs);
  EXPECT_TRUE(times.are_short());
}

TEST(RunTimes, FollowAModelThatSlowsDown) {
  RunTimes times;
  for (int i = 0; i < 100; ++i) times.ran(10 * kUs);
  for (int i = 0; i < 20; ++i) times.ran(100 * kUs);
  EXPECT_FALSE(times.are_short());
}

}  // namespace
}  // namespace neso
