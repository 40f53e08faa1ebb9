// SPDX-License-Identifier: Apache-2.0
// What makes a batch, rule by rule, and a random walk that checks what must always hold. Lanes and
// turns: batcher_lanes_test.cc.
#include "scheduling/batcher.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>

namespace neso {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

QueuedItem item(uint64_t id, size_t cost, std::string group = "") {
  return {.id = id, .cost = cost, .group = std::move(group)};
}

TEST(Batcher, AnswersNothingWhenNothingWaits) {
  Batcher batcher({});
  EXPECT_THAT(batcher.take(0).batch, IsEmpty());
}

TEST(Batcher, FillsABatchUpToTheTokenBudget) {
  Batcher batcher({.max_cost = 10});
  for (const uint64_t id : {1, 2, 3, 4}) batcher.push(item(id, 4));
  EXPECT_THAT(batcher.take(0).batch, ElementsAre(1, 2));
  EXPECT_THAT(batcher.take(0).batch, ElementsAre(3, 4));
  EXPECT_EQ(batcher.size(), 0U);
  EXPECT_EQ(batcher.cost(), 0U);
}

TEST(Batcher, FillsABatchUpToTheRowLimit) {
  Batcher batcher({.max_rows = 4});
  batcher.push({.id = 1, .rows = 3});
  batcher.push({.id = 2, .rows = 1});
  batcher.push({.id = 3, .rows = 1});
  EXPECT_THAT(batcher.take(0).batch, ElementsAre(1, 2));
  EXPECT_THAT(batcher.take(0).batch, ElementsAre(3));
}

TEST(Batcher, TakesAFirstItemThatIsOverTheLimitsAlone) {
  Batcher batcher({.max_cost = 10, .max_rows = 2});
  batcher.push({.id = 1, .cost = std::numeric_limits<size_t>::max() / 2, .rows = 5});
  batcher.push(item(2, 1));
  EXPECT_THAT(batcher.take(0).batch, ElementsAre(1));
  EXPECT_THAT(batcher.take(0).batch, ElementsAre(2));
}

TEST(Batcher, DoesNotLetASmallItemOvertakeWithinItsGroup) {
  Batcher batcher({.max_cost = 10});
  batcher.push(item(1, 6));
  batcher.push(item(2, 6));
  batcher.push(item(3, 1));
  EXPECT_THAT(batcher.take(0).batch, ElementsAre(1));
  EXPECT_THAT(batcher.take(0).batch, ElementsAre(2, 3));
}

TEST(Batcher, SkipsOtherGroupsAndTakesThemNext) {
  Batcher batcher({});
  batcher.push(item(1, 1, "a"));
  batcher.push(item(2, 1, "b"));
  batcher.push(item(3, 1, "a"));
  batcher.push(item(4, 1, "b"));
  EXPECT_THAT(batcher.take(0).batch, ElementsAre(1, 3));
  EXPECT_THAT(batcher.take(0).batch, ElementsAre(2, 4));
}

TEST(Batcher, HandsExpiredItemsBackAndRunsTheOthers) {
  Batcher batcher({});
  batcher.push({.id = 1, .deadline_ns = 100});
  batcher.push({.id = 2});
  batcher.push({.id = 3, .deadline_ns = 50});
  batcher.push({.id = 4, .deadline_ns = 101});
  const auto taken = batcher.take(100);
  EXPECT_THAT(taken.expired, ElementsAre(3, 1));
  EXPECT_THAT(taken.batch, ElementsAre(2, 4));
}

TEST(Batcher, CancelsOnlyWhatWaits) {
  Batcher batcher({});
  batcher.push({.id = 1, .cost = 7, .deadline_ns = 5});
  batcher.push(item(2, 1));
  EXPECT_TRUE(batcher.cancel(1));
  EXPECT_FALSE(batcher.cancel(1));
  EXPECT_FALSE(batcher.cancel(99));
  EXPECT_EQ(batcher.cost(), 1U);
  const auto taken = batcher.take(10);
  EXPECT_THAT(taken.expired, IsEmpty());
  EXPECT_THAT(taken.batch, ElementsAre(2));
}

// Pushes, takes and cancels at random, over levels, lanes and clients: every item leaves exactly
// once, batches keep to one group and to the limits, no lower level starts one, and what a client
// has in one lane and group leaves in order.
TEST(Batcher, LosesDuplicatesAndReordersNothing) {
  for (uint32_t seed = 0; seed < 50; ++seed) {
    std::mt19937 random(seed);
    const auto below = [&](uint32_t n) { return static_cast<uint32_t>(random() % n); };
    const BatchLimits limits{.max_cost = 20, .max_rows = 6, .bulk_cost = 15, .top_up_cost = 10};
    Batcher batcher(limits);
    std::map<uint64_t, QueuedItem> waiting;
    std::map<std::string, uint64_t> last_run;
    uint64_t next_id = 1;
    int64_t now = 0;

    const auto check_take = [&] {
      const auto taken = batcher.take(now, [](uint64_t id) { return id % 11 != 0; });
      for (const uint64_t id : taken.expired) {
        ASSERT_TRUE(waiting.contains(id));
        ASSERT_LE(waiting[id].deadline_ns.value(), now);
        waiting.erase(id);
      }
      for (const uint64_t id : taken.unwanted) {
        ASSERT_EQ(id % 11, 0U);
        ASSERT_EQ(waiting.erase(id), 1U);
      }
      ASSERT_EQ(taken.batch.empty(), waiting.empty());
      size_t cost = 0;
      size_t rows = 0;
      for (const uint64_t id : taken.batch) {
        ASSERT_TRUE(waiting.contains(id));
        const QueuedItem& run = waiting[id];
        ASSERT_TRUE(!run.deadline_ns || *run.deadline_ns > now);
        ASSERT_EQ(run.group, waiting[taken.batch.front()].group);
        uint64_t& last = last_run[fmt::format("{} {} {} {}", run.group, run.client, run.level,
                                              static_cast<int>(run.lane))];
        ASSERT_LT(last, id);
        last = id;
        cost += run.cost;
        rows += run.rows;
      }
      if (taken.batch.size() > 1) {
        ASSERT_LE(cost, limits.max_cost);
        ASSERT_LE(rows, limits.max_rows);
      }
      if (!taken.batch.empty()) {
        const uint64_t level = waiting[taken.batch.front()].level;
        for (const auto& [id, item] : waiting) ASSERT_TRUE(id % 11 == 0 || item.level >= level);
      }
      for (const uint64_t id : taken.batch) waiting.erase(id);
    };

    for (int step = 0; step < 400; ++step) {
      now += below(5);
      switch (below(4)) {
        case 0:
        case 1: {
          QueuedItem pushed{.id = next_id++, .cost = 1 + below(30), .rows = 1 + below(4)};
          pushed.group = std::string(1, static_cast<char>('a' + below(3)));
          if (below(3) == 0) pushed.deadline_ns = now + below(40);
          pushed.lane = below(2) == 0 ? Lane::Bulk : Lane::Interactive;
          pushed.client = below(3);
          pushed.level = below(2);
          waiting.emplace(pushed.id, pushed);
          batcher.push(pushed);
          break;
        }
        case 2:
          check_take();
          break;
        default: {
          const uint64_t id = below(static_cast<uint32_t>(next_id) + 1);
          ASSERT_EQ(batcher.cancel(id), waiting.erase(id) == 1);
        }
      }
      if (HasFatalFailure()) return;
      ASSERT_EQ(batcher.size(), waiting.size());
    }
    while (!waiting.empty() && !HasFatalFailure()) check_take();
    ASSERT_EQ(batcher.cost(), 0U);
    ASSERT_EQ(batcher.cost(Lane::Bulk), 0U);
  }
}

TEST(Batcher, LateItemsLeaveWithoutAnEngine) {
  Batcher batcher({});
  EXPECT_EQ(batcher.next_deadline_ns(), std::nullopt);
  batcher.push({.id = 1, .deadline_ns = 30});
  batcher.push({.id = 2, .deadline_ns = 10});
  batcher.push({.id = 3});
  EXPECT_EQ(batcher.next_deadline_ns(), 10);
  EXPECT_TRUE(batcher.expire(9).empty());
  EXPECT_EQ(batcher.expire(10), std::vector<uint64_t>{2});
  EXPECT_EQ(batcher.next_deadline_ns(), 30);
  EXPECT_EQ(batcher.size(), 2U);
  EXPECT_EQ(batcher.take(30).expired, std::vector<uint64_t>{1});
}

}  // namespace
}  // namespace neso
