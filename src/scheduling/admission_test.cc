// SPDX-License-Identifier: Apache-2.0
#include "scheduling/admission.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace neso {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kMs = 1'000'000;

TEST(ServiceRate, IsNotKnownBeforeEnoughHasRun) {
  ServiceRate rate;
  EXPECT_EQ(rate.cost_per_second(1), 0);
  rate.ran(1000, 10 * kMs);
  EXPECT_EQ(rate.cost_per_second(1), 0);
}

TEST(ServiceRate, IsCostByBusyTimeOfAllEngines) {
  ServiceRate rate;
  for (int i = 0; i < 100; ++i) rate.ran(500, 10 * kMs);
  EXPECT_NEAR(rate.cost_per_second(1), 50'000, 1);
  EXPECT_NEAR(rate.cost_per_second(2), 100'000, 1);
}

TEST(ServiceRate, FollowsAnEngineThatSlowsDownWithinFiveSeconds) {
  ServiceRate rate;
  for (int i = 0; i < 1000; ++i) rate.ran(600, 10 * kMs);
  for (int i = 0; i < 500; ++i) rate.ran(200, 10 * kMs);
  EXPECT_NEAR(rate.cost_per_second(1), 20'000, 4'000);
}

TEST(ServiceRate, OneBatchThatStoodStillIsNotTheSpeed) {
  ServiceRate rate;
  for (int i = 0; i < 1000; ++i) rate.ran(600, 10 * kMs);
  rate.ran(600, 13'000 * kMs);
  EXPECT_GT(rate.cost_per_second(1), 60'000 * 0.7);
  ServiceRate first;
  first.ran(600, 13'000 * kMs);
  for (int i = 0; i < 300; ++i) first.ran(600, 10 * kMs);
  EXPECT_GT(first.cost_per_second(1), 60'000 * 0.7) << "a slow first batch is soon forgotten";
}

TEST(ServiceRate, FollowsAnEngineThatBecameAThousandTimesSlower) {
  ServiceRate rate;
  for (int i = 0; i < 1000; ++i) rate.ran(600, 10 * kMs);
  for (int i = 0; i < 20; ++i) rate.ran(600, 10'000 * kMs);
  EXPECT_NEAR(rate.cost_per_second(1), 60, 15);
}

TEST(Admission, TakesEverythingWhileNoSpeedIsKnown) {
  EXPECT_FALSE(late_answer({.cost_before = 1'000'000, .cost = 1}, 1 * kMs, 0));
}

TEST(Admission, RefusesWhatCannotMeetItsDeadlineAndSaysWhenItCould) {
  const Workload load{.cost_per_second = 1000, .cost_before = 60, .cost = 20};
  EXPECT_FALSE(late_answer(load, 100 * kMs, 0)) << "80 ms of work, and a quarter in reserve";
  const auto refused = late_answer(load, 50 * kMs, 0);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->code, ErrorCode::Overloaded);
  EXPECT_THAT(refused->message, HasSubstr("of the 50 ms that the caller waits, 60 ms go into"));
  EXPECT_THAT(refused->message, HasSubstr("20 ms into its own, and 20 ms are kept in reserve"));
  EXPECT_EQ(refused->retry_after_ms, 50U);
}

TEST(Admission, KeepsNothingInReserveWhenLaterWouldBeNoBetter) {
  EXPECT_FALSE(late_answer({.cost_per_second = 1000, .cost = 20}, 20 * kMs, 0));
  EXPECT_TRUE(late_answer({.cost_per_second = 1000, .cost = 20}, 19 * kMs, 0));
  EXPECT_TRUE(late_answer({.cost_per_second = 1000, .cost_before = 1, .cost = 20}, 22 * kMs, 0));
}

TEST(Admission, WithoutADeadlineTwoMinutesAreTheLimit) {
  EXPECT_FALSE(late_answer({.cost_per_second = 10, .cost_before = 1200}, std::nullopt, 0));
  const auto refused = late_answer({.cost_per_second = 10, .cost_before = 1300}, std::nullopt, 0);
  ASSERT_TRUE(refused);
  EXPECT_THAT(refused->message, HasSubstr("130 s of work"));
  EXPECT_EQ(refused->retry_after_ms, 10'000U);
}

TEST(Admission, ATimeToComeBackIsNeitherAtOnceNorFarAway) {
  const Workload load{.cost_per_second = 1, .cost_before = 1'000'000, .cost = 1};
  EXPECT_EQ(late_answer(load, 0, 0)->retry_after_ms, 30'000U);
  EXPECT_EQ(full_queue({.cost_per_second = 1e6, .cost = 1}).retry_after_ms, 20U);
  EXPECT_EQ(full_queue({.cost = 1}).retry_after_ms, 0U) << "not known";
}

}  // namespace
}  // namespace neso
