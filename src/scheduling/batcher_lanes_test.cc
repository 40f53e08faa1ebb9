// SPDX-License-Identifier: Apache-2.0
// Who comes next: priorities, lanes, clients' turns, and what a policy delays.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "scheduling/batcher.h"

namespace neso {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr BatchLimits kOneByOne{.max_rows = 1};

std::vector<uint64_t> order(Batcher& batcher) {
  std::vector<uint64_t> all;
  while (batcher.size() > 0) {
    for (const uint64_t id : batcher.take(0).batch) all.push_back(id);
  }
  return all;
}

TEST(BatcherLanes, ARequestIsBulkByItsTokensOrItsRows) {
  const BatchLimits limits{.interactive_cost = 512, .interactive_rows = 2};
  EXPECT_EQ(lane_of(512, 2, limits), Lane::Interactive);
  EXPECT_EQ(lane_of(513, 1, limits), Lane::Bulk);
  EXPECT_EQ(lane_of(1, 3, limits), Lane::Bulk);
}

TEST(BatcherLanes, ASmallRequestDoesNotWaitBehindABacklogOfBulk) {
  Batcher batcher({.max_cost = 512, .bulk_cost = 512, .top_up_cost = 128});
  uint64_t id = 0;
  while (id < 1000) batcher.push({.id = ++id, .cost = 128, .lane = Lane::Bulk});
  EXPECT_EQ(batcher.take(0).batch.size(), 4U);
  batcher.push({.id = ++id, .cost = 20});
  EXPECT_THAT(batcher.take(0).batch, ElementsAre(id));
}

TEST(BatcherLanes, ABatchOfSmallRequestsIsToppedUpOnlyALittle) {
  Batcher batcher({.max_cost = 512, .top_up_cost = 128});
  for (const uint64_t id : {1, 2, 3, 4}) batcher.push({.id = id, .cost = 50, .lane = Lane::Bulk});
  batcher.push({.id = 5, .cost = 20});
  EXPECT_THAT(batcher.take(0).batch, ElementsAre(5, 1, 2));
}

TEST(BatcherLanes, ABatchOfBulkWorkIsKeptShortAndFilledWithSmallRequests) {
  Batcher batcher({.max_cost = 100, .bulk_cost = 60});
  for (const uint64_t id : {1, 2, 3}) batcher.push({.id = id, .cost = 30, .lane = Lane::Bulk});
  EXPECT_THAT(batcher.take(0).batch, ElementsAre(1, 2));
}

// A flood of small requests: whenever bulk work waits it gets its fifth, in cost, and not more.
TEST(BatcherLanes, BulkGetsAFifthOfAFloodedEngine) {
  Batcher batcher({.max_cost = 100, .bulk_cost = 100, .top_up_cost = 1});
  uint64_t id = 0;
  double small = 0;
  double bulk = 0;
  for (int round = 0; round < 1000; ++round) {
    while (batcher.cost(Lane::Interactive) < 500) batcher.push({.id = ++id, .cost = 10});
    while (batcher.cost(Lane::Bulk) < 500)
      batcher.push({.id = ++id, .cost = 50, .lane = Lane::Bulk});
    const size_t small_before = batcher.cost(Lane::Interactive);
    const size_t bulk_before = batcher.cost(Lane::Bulk);
    EXPECT_FALSE(batcher.take(0).batch.empty());
    small += static_cast<double>(small_before - batcher.cost(Lane::Interactive));
    bulk += static_cast<double>(bulk_before - batcher.cost(Lane::Bulk));
  }
  EXPECT_NEAR(bulk / (bulk + small), Batcher::kBulkShare, 0.01);
}

TEST(BatcherLanes, AQuietTimeWithBulkAloneIsNotHeldAgainstItForLong) {
  Batcher batcher({.max_cost = 10, .bulk_cost = 10, .top_up_cost = 1});
  uint64_t id = 0;
  for (int i = 0; i < 100; ++i) batcher.push({.id = ++id, .cost = 10, .lane = Lane::Bulk});
  for (int i = 0; i < 50; ++i) batcher.take(0);
  for (int i = 0; i < 20; ++i) batcher.push({.id = ++id, .cost = 10});
  size_t bulk = 0;
  for (int i = 0; i < 12; ++i) bulk += batcher.take(0).batch.front() <= 100 ? 1 : 0;
  EXPECT_GE(bulk, 2U);
}

TEST(BatcherLanes, BulkBatchesCanBeKeptShorterForAWhile) {
  Batcher batcher({.max_cost = 100});
  for (const uint64_t id : {1, 2, 3, 4}) batcher.push({.id = id, .cost = 30, .lane = Lane::Bulk});
  batcher.keep_bulk_below(40);
  EXPECT_THAT(batcher.take(0).batch, ElementsAre(1));
  batcher.push({.id = 5, .cost = 20});
  EXPECT_THAT(batcher.take(0).batch, ElementsAre(5)) << "another 30 would be beyond 40";
  batcher.keep_bulk_below(kUnlimited);
  EXPECT_THAT(batcher.take(0).batch, ElementsAre(2, 3, 4));
}

TEST(BatcherLanes, NoBatchIsLargerThanAllowedForWantOfOtherLimits) {
  Batcher batcher({.max_cost = 10});
  batcher.push({.id = 1, .cost = 10});
  batcher.push({.id = 2, .cost = 10, .lane = Lane::Bulk});
  batcher.push({.id = 3, .cost = 10, .level = 1});
  for (const uint64_t id : {1, 2, 3}) EXPECT_THAT(batcher.take(0).batch, ElementsAre(id));
}

TEST(BatcherLanes, ClientsTakeTurns) {
  Batcher batcher(kOneByOne);
  for (uint64_t id = 1; id <= 6; ++id) batcher.push({.id = id, .client = 1});
  batcher.push({.id = 7, .client = 2});
  batcher.push({.id = 8, .client = 2});
  batcher.push({.id = 9, .client = 3});
  EXPECT_THAT(order(batcher), ElementsAre(1, 7, 9, 2, 8, 3, 4, 5, 6));
}

TEST(BatcherLanes, OneClientsThousandRequestsDoNotStarveAnother) {
  Batcher batcher({.max_cost = 4});
  uint64_t id = 0;
  while (id < 1000) batcher.push({.id = ++id, .client = 1});
  for (int i = 0; i < 5; ++i) batcher.take(0);
  batcher.push({.id = ++id, .client = 2});
  EXPECT_THAT(batcher.take(0).batch, ::testing::Contains(id));
}

TEST(BatcherLanes, TurnsAreMeasuredInCost) {
  Batcher batcher(kOneByOne);
  for (const uint64_t id : {1, 2, 3}) batcher.push({.id = id, .cost = 30, .client = 1});
  for (const uint64_t id : {4, 5, 6, 7}) batcher.push({.id = id, .cost = 10, .client = 2});
  EXPECT_THAT(order(batcher), ElementsAre(1, 4, 5, 6, 2, 7, 3));
}

TEST(BatcherLanes, WhoHasNothingWaitingHasNoDebts) {
  Batcher batcher(kOneByOne);
  for (uint64_t id = 1; id <= 5; ++id) {
    batcher.push({.id = id, .cost = 100, .client = 1});
    EXPECT_THAT(batcher.take(0).batch, ElementsAre(id));
  }
  batcher.push({.id = 6, .cost = 100, .client = 1});
  batcher.push({.id = 7, .cost = 1, .client = 2});
  EXPECT_THAT(order(batcher), ElementsAre(6, 7));
}

TEST(BatcherLanes, LevelsAreServedStrictlyAndShareABatch) {
  Batcher batcher({.max_rows = 2});
  batcher.push({.id = 1, .level = 3});
  batcher.push({.id = 2, .level = 2});
  batcher.push({.id = 3, .level = 1});
  batcher.push({.id = 4, .level = 2});
  EXPECT_THAT(batcher.take(0).batch, ElementsAre(3, 2));
  EXPECT_THAT(batcher.take(0).batch, ElementsAre(4, 1));
}

TEST(BatcherLanes, WhatIsDelayedComesAfterAllOthersOfItsLevel) {
  Batcher batcher(kOneByOne);
  batcher.push({.id = 1, .delay_ns = 100, .level = 1});
  batcher.push({.id = 2, .level = 1});
  batcher.push({.id = 3, .level = 1, .lane = Lane::Bulk});
  batcher.push({.id = 4, .level = 2});
  EXPECT_THAT(batcher.take(100).batch, ElementsAre(2));
  EXPECT_EQ(batcher.cost(Lane::Delayed), 1U);
  EXPECT_THAT(order(batcher), ElementsAre(3, 1, 4));
}

TEST(BatcherLanes, WhatIsNotWantedAnyMoreTakesNoPlaceInABatch) {
  Batcher batcher({.max_rows = 2});
  for (const uint64_t id : {1, 2, 3, 4}) batcher.push({.id = id});
  const auto taken = batcher.take(0, [](uint64_t id) { return id % 2 == 0; });
  EXPECT_THAT(taken.batch, ElementsAre(2, 4));
  EXPECT_THAT(taken.unwanted, UnorderedElementsAre(1, 3));
  EXPECT_EQ(batcher.size(), 0U);
}

TEST(BatcherLanes, HandsBackWhatIsNotWantedAlsoWhenNothingRuns) {
  Batcher batcher({});
  batcher.push({.id = 1});
  const auto taken = batcher.take(0, [](uint64_t) { return false; });
  EXPECT_THAT(taken.batch, IsEmpty());
  EXPECT_THAT(taken.unwanted, ElementsAre(1));
}

TEST(BatcherLanes, ABatchEndsAtAPreferredSizeWhileItsOldestItemIsYoung) {
  const BatchLimits limits{.max_rows = 8, .preferred_rows = {2, 4}, .max_delay_ns = 100};
  Batcher batcher(limits);
  for (const uint64_t id : {1, 2, 3}) batcher.push({.id = id});
  EXPECT_THAT(batcher.take(99).batch, ElementsAre(1, 2));
  batcher.push({.id = 4});
  batcher.push({.id = 5});
  EXPECT_THAT(batcher.take(100).batch, ElementsAre(3, 4, 5)) << "the oldest has waited enough";
}

TEST(BatcherLanes, ABatchDoesNotGrowBeyondTheLargestPreferredSize) {
  Batcher batcher({.max_rows = 8, .preferred_rows = {2, 3}});
  for (const uint64_t id : {1, 2, 3, 4, 5}) batcher.push({.id = id});
  EXPECT_THAT(batcher.take(0).batch, ElementsAre(1, 2, 3));
  EXPECT_THAT(batcher.take(0).batch, ElementsAre(4, 5));
  batcher.push({.id = 6, .rows = 7});
  EXPECT_THAT(batcher.take(0).batch, ElementsAre(6)) << "what comes first always runs";
}

TEST(BatcherLanes, WhatComesBeforeARequestIsWhatItsTurnsAllowAndAsMuchAgainOfOthers) {
  Batcher batcher({});
  for (uint64_t id = 1; id <= 100; ++id) batcher.push({.id = id, .cost = 10, .client = 1});
  batcher.push({.id = 101, .cost = 7, .lane = Lane::Bulk, .client = 1});
  batcher.push({.id = 102, .cost = 5, .client = 2});
  EXPECT_EQ(batcher.cost_before({.client = 1}, 10), 1000 + 10U);
  EXPECT_EQ(batcher.cost_before({.client = 2}, 10), 15 + 5U);
  EXPECT_EQ(batcher.cost_before({.client = 3}, 10), 10 + 10U);
  EXPECT_EQ(batcher.cost_before({.lane = Lane::Bulk, .client = 3}, 10), 1005 + 10U);
  EXPECT_EQ(batcher.cost_before({.level = 1, .client = 3}, 10), 1012U);
}

}  // namespace
}  // namespace neso
