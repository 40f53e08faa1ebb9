// SPDX-License-Identifier: Apache-2.0
#include "load/ramp.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace neso::load {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Gives a ramp what a server does that answers at most `capacity` requests a second, 10 ms each.
std::vector<double> climb(Ramp& ramp, Loop loop, double capacity) {
  std::vector<double> loads;
  while (const auto load = ramp.next()) {
    loads.push_back(*load);
    const double wanted = loop == Loop::Closed ? *load * 100 : *load;
    const double done = std::min(wanted, capacity);
    ramp.add({.load = *load,
              .due_per_s = loop == Loop::Closed ? done : *load,
              .requests_per_s = done,
              .p99_ms = 10 * wanted / done});
  }
  return loads;
}

TEST(Ramp, DoublesTheConcurrencyUntilThroughputStopsGrowing) {
  Ramp ramp(Loop::Closed, 1, {});
  EXPECT_THAT(climb(ramp, Loop::Closed, 800), ElementsAre(1, 2, 4, 8, 16));
  EXPECT_EQ(ramp.knee()->load, 8);
  EXPECT_EQ(ramp.knee()->requests_per_s, 800);
  EXPECT_EQ(ramp.reason(), "throughput stopped growing at 16");
}

TEST(Ramp, TheKneeIsTheLeastConcurrencyThatComesNearTheBest) {
  Ramp ramp(Loop::Closed, 1, {});
  climb(ramp, Loop::Closed, 410);  // 4 give 400, 8 give 410
  EXPECT_EQ(ramp.knee()->load, 4);
}

TEST(Ramp, EndsWhereP99PassesItsLimit) {
  Ramp ramp(Loop::Closed, 4, {.p99_ms = 15});
  EXPECT_THAT(climb(ramp, Loop::Closed, 700), ElementsAre(4, 8, 16));
  EXPECT_EQ(ramp.knee()->load, 8);
  EXPECT_EQ(ramp.reason(), "p99 passed 15 ms at 16");
}

TEST(Ramp, EndsAtTheMostThatIsTried) {
  Ramp ramp(Loop::Closed, 1, {.most_load = 4});
  EXPECT_THAT(climb(ramp, Loop::Closed, 1e9), ElementsAre(1, 2, 4));
  EXPECT_THAT(ramp.reason(), HasSubstr("still growing at 4"));
  Ramp rates(Loop::Open, 1, {.most_load = 4});
  EXPECT_THAT(climb(rates, Loop::Open, 1e9), ElementsAre(1, 2, 4));
  EXPECT_THAT(rates.reason(), HasSubstr("kept up with 4"));
  EXPECT_EQ(rates.knee()->load, 4);
}

TEST(Ramp, NarrowsARateDownBetweenTheLastThatWasKeptUpWithAndTheFirstThatWasNot) {
  Ramp ramp(Loop::Open, 100, {});
  const auto rates = climb(ramp, Loop::Open, 1000);
  EXPECT_THAT(std::vector(rates.begin(), rates.begin() + 5), ElementsAre(100, 200, 400, 800, 1600));
  EXPECT_EQ(rates.size(), 8U);
  // 5 % are forgiven: 1050 is the highest rate that counts as kept up with.
  EXPECT_LE(ramp.knee()->load, 1053);
  EXPECT_GE(ramp.knee()->load, 1053 / 1.1);
  EXPECT_THAT(ramp.reason(), HasSubstr("were answered in time"));
}

TEST(Ramp, ComparesARateWithWhatChanceMadeDue) {
  Ramp ramp(Loop::Open, 100, {});
  ramp.add({.load = 100, .due_per_s = 88, .requests_per_s = 88, .p99_ms = 1});
  EXPECT_EQ(ramp.next(), 200);
}

TEST(Ramp, FailuresAreBeyondTheKnee) {
  Ramp ramp(Loop::Closed, 1, {});
  ramp.add({.load = 1, .requests_per_s = 10, .p99_ms = 1});
  ramp.add({.load = 2, .requests_per_s = 20, .p99_ms = 1, .error_share = 0.02});
  EXPECT_EQ(ramp.next(), std::nullopt);
  EXPECT_EQ(ramp.knee()->load, 1);
  EXPECT_EQ(ramp.reason(), "2.0 % of the requests failed at 2");
}

TEST(Ramp, AFirstStepBeyondTheLimitsLeavesNoKnee) {
  for (const Loop loop : {Loop::Closed, Loop::Open}) {
    Ramp ramp(loop, 8, {.p99_ms = 1});
    ramp.add({.load = 8, .due_per_s = 8, .requests_per_s = 8, .p99_ms = 5});
    EXPECT_EQ(ramp.next(), std::nullopt);
    EXPECT_EQ(ramp.knee(), std::nullopt);
  }
}

}  // namespace
}  // namespace neso::load
