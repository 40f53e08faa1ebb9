// SPDX-License-Identifier: Apache-2.0
#include "base/result.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "base/check.h"
#include "base/clock.h"
#include "base/error.h"

namespace neso {
namespace {

Result<int> positive(int value) {
  if (value <= 0) return invalid_argument("{} is not positive", value);
  return value;
}

Result<int> sum(int a, int b) {
  NESO_TRY(const int first, positive(a));
  NESO_TRY(const int second, positive(b));
  return first + second;
}

Result<> both(int a, int b, int& evaluated) {
  NESO_TRY_VOID(positive(a));
  ++evaluated;
  NESO_TRY_VOID(positive(b));
  ++evaluated;
  return {};
}

Result<std::unique_ptr<int>> boxed(int value) {
  NESO_TRY(int checked, positive(value));
  return std::make_unique<int>(checked);
}

TEST(Result, TryBindsTheValueAndReturnsTheFirstError) {
  EXPECT_EQ(sum(2, 3).value(), 5);
  EXPECT_EQ(sum(-2, -3).error().message, "-2 is not positive");
  EXPECT_EQ(sum(2, -3).error(), (Error{ErrorCode::InvalidArgument, "-3 is not positive"}));
}

TEST(Result, TryVoidStopsAtTheFirstErrorAndEvaluatesOnce) {
  int evaluated = 0;
  EXPECT_TRUE(both(1, 1, evaluated));
  EXPECT_EQ(evaluated, 2);
  evaluated = 0;
  EXPECT_FALSE(both(1, 0, evaluated));
  EXPECT_EQ(evaluated, 1);
}

TEST(Result, TryVoidIsOneStatement) {
  const auto choose = [](bool check) -> Result<> {
    if (check)
      NESO_TRY_VOID(positive(-1));
    else
      return not_found("the other branch");
    return {};
  };
  EXPECT_EQ(choose(true).error().code, ErrorCode::InvalidArgument);
  EXPECT_EQ(choose(false).error().code, ErrorCode::NotFound);
}

TEST(Result, CarriesMoveOnlyValues) {
  const std::unique_ptr<int> box = boxed(7).value();
  EXPECT_EQ(*box, 7);
  EXPECT_FALSE(boxed(0));
}

TEST(Error, ContextStandsInFrontAndTheCodeStays) {
  const Error error = too_large("{} bytes", 10).with_context("reading a.json");
  EXPECT_EQ(error.message, "reading a.json: 10 bytes");
  EXPECT_EQ(error.code, ErrorCode::TooLarge);
}

TEST(Error, EveryConstructorHasItsCodeAndName) {
  EXPECT_EQ(to_string(invalid_argument("x").code), "InvalidArgument");
  EXPECT_EQ(to_string(not_found("x").code), "NotFound");
  EXPECT_EQ(to_string(unsupported("x").code), "Unsupported");
  EXPECT_EQ(to_string(too_large("x").code), "TooLarge");
  EXPECT_EQ(to_string(overloaded("x").code), "Overloaded");
  EXPECT_EQ(to_string(not_ready("x").code), "NotReady");
  EXPECT_EQ(to_string(deadline_exceeded("x").code), "DeadlineExceeded");
  EXPECT_EQ(to_string(cancelled("x").code), "Cancelled");
  EXPECT_EQ(to_string(internal_error("x").code), "Internal");
}

TEST(Check, AFalseConditionAbortsWithItsPlaceAndText) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(NESO_CHECK(1 + 1 == 3),
               "internal error at .*result_test\\.cc:[0-9]+: 1 \\+ 1 == 3 is false");
}

TEST(ManualClock, MovesOnlyWhenTold) {
  ManualClock clock;
  const int64_t start = clock.now_ns();
  EXPECT_EQ(clock.now_ns(), start);
  clock.advance_ns(5'000);
  EXPECT_EQ(clock.now_ns(), start + 5'000);
  EXPECT_EQ(clock.wall_us(), (start + 5'000) / 1000);
}

TEST(SystemClock, NeverGoesBack) {
  const int64_t first = system_clock().now_ns();
  EXPECT_LE(first, system_clock().now_ns());
  EXPECT_GT(system_clock().wall_us(), 1'600'000'000'000'000);
}

}  // namespace
}  // namespace neso
