// SPDX-License-Identifier: Apache-2.0
// Whose turn it is: order within a sequence, slots and backlog, ends, idleness, waiting for others.
#include "sequence/sequence_slots.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace neso {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Pushed = SequenceSlots::Pushed;

class SequenceSlotsTest : public ::testing::Test {
 protected:
  static constexpr unsigned kStart = 1;
  static constexpr unsigned kEnd = 2;

  void limit(SequenceLimits limits) { slots_.emplace(std::move(limits)); }

  Pushed push(uint64_t sequence, unsigned flags = 0, std::optional<int64_t> deadline_ns = {}) {
    return slots_->push(
        {.id = ++last_id_,
         .step = {.id = sequence, .start = (flags & kStart) != 0, .end = (flags & kEnd) != 0},
         .deadline_ns = deadline_ns},
        now_ns_);
  }
  // The requests whose turn it is now.
  std::vector<uint64_t> take() {
    std::vector<uint64_t> requests;
    auto taken = slots_->take(now_ns_);
    expired_ = taken.expired;
    for (auto& turn : taken.turns) {
      requests.push_back(turn.request);
      turns_[turn.request] = turn;
    }
    return requests;
  }
  void finish(uint64_t request) { slots_->finished(turns_.at(request).sequence, now_ns_); }

  std::optional<SequenceSlots> slots_{SequenceLimits{.slots = 2, .max_idle_ns = 100}};
  std::map<uint64_t, SequenceSlots::Turn> turns_;
  std::vector<uint64_t> expired_;
  uint64_t last_id_ = 0;
  int64_t now_ns_ = 1000;
};

TEST_F(SequenceSlotsTest, ASequenceRunsOneRequestAtATimeAndInOrder) {
  push(7, kStart);
  push(7);
  push(7, kEnd);
  EXPECT_THAT(take(), ElementsAre(1));
  EXPECT_THAT(take(), IsEmpty());
  finish(1);
  EXPECT_THAT(take(), ElementsAre(2));
  finish(2);
  EXPECT_THAT(take(), ElementsAre(3));
  EXPECT_FALSE(slots_->empty());
  finish(3);
  EXPECT_TRUE(slots_->empty());
}

TEST_F(SequenceSlotsTest, SequencesRunSideBySideAndTheOldestRequestIsFirst) {
  push(1, kStart);
  push(2, kStart);
  take();
  push(2);
  push(1);
  finish(1);
  finish(2);
  EXPECT_THAT(take(), ElementsAre(3, 4));
}

TEST_F(SequenceSlotsTest, TheMemoryIsTheSequences) {
  push(1, kStart);
  push(2, kStart);
  push(1);
  take();
  const auto first = turns_.at(1).memory;
  EXPECT_NE(first, turns_.at(2).memory);
  finish(1);
  take();
  EXPECT_EQ(turns_.at(3).memory, first);
}

TEST_F(SequenceSlotsTest, WhatNobodyStartedIsRefused) {
  EXPECT_EQ(push(1), Pushed::NotStarted);
  EXPECT_EQ(push(1, kEnd), Pushed::NotStarted);
  EXPECT_TRUE(slots_->empty());
  EXPECT_EQ(push(1, kStart | kEnd), Pushed::Accepted);
  EXPECT_EQ(push(1), Pushed::NotStarted) << "the end was told, though it has not run";
}

TEST_F(SequenceSlotsTest, ASecondStartGoesOnInTheSameSlot) {
  push(1, kStart);
  EXPECT_EQ(push(1, kStart), Pushed::Restarted);
  EXPECT_THAT(take(), ElementsAre(1));
  finish(1);
  EXPECT_THAT(take(), ElementsAre(2));
}

TEST_F(SequenceSlotsTest, WithoutASlotASequenceWaitsUntilOneEnds) {
  push(1, kStart);
  push(2, kStart);
  push(3, kStart);
  push(4, kStart);
  push(3, kEnd);
  EXPECT_THAT(take(), ElementsAre(1, 2));
  push(2, kEnd);
  finish(2);
  EXPECT_THAT(take(), ElementsAre(6));
  finish(6);
  EXPECT_THAT(take(), ElementsAre(3)) << "the first of the backlog";
  finish(3);
  EXPECT_THAT(take(), ElementsAre(5));
  finish(5);
  EXPECT_THAT(take(), ElementsAre(4));
}

TEST_F(SequenceSlotsTest, AnEndedSequenceOfTheBacklogAndANewOneOfItsIdAreTwo) {
  push(1, kStart);
  push(2, kStart);
  push(3, kStart | kEnd);
  EXPECT_EQ(push(3, kStart), Pushed::Accepted);
  take();
  push(1, kEnd);
  finish(1);
  take();
  finish(5);
  EXPECT_THAT(take(), ElementsAre(3));
  finish(3);
  EXPECT_THAT(take(), ElementsAre(4));
}

TEST_F(SequenceSlotsTest, AnIdleSequenceLosesItsSlot) {
  push(1, kStart);
  push(2, kStart);
  push(3, kStart);
  take();
  EXPECT_EQ(slots_->next_wakeup(), std::nullopt) << "both have their turn";
  now_ns_ += 50;
  finish(1);
  EXPECT_EQ(slots_->next_wakeup(), now_ns_ + 100);
  now_ns_ += 99;
  EXPECT_THAT(take(), IsEmpty());
  now_ns_ += 1;
  EXPECT_THAT(take(), ElementsAre(3));
  EXPECT_EQ(push(1), Pushed::NotStarted);
  EXPECT_EQ(push(2), Pushed::Accepted) << "a sequence that has its turn is not idle";
}

TEST_F(SequenceSlotsTest, IdlenessCountsWithoutATakeToo) {
  push(1, kStart);
  take();
  finish(1);
  now_ns_ += 100;
  EXPECT_EQ(push(1), Pushed::NotStarted);
}

TEST_F(SequenceSlotsTest, AnExpiredSequenceLeavesTheBacklogAsAWhole) {
  push(1, kStart);
  push(2, kStart);
  push(3, kStart);
  push(3, 0, now_ns_ + 10);
  push(4, kStart, now_ns_ + 20);
  take();
  EXPECT_EQ(slots_->next_wakeup(), now_ns_ + 10);
  now_ns_ += 10;
  EXPECT_THAT(take(), IsEmpty());
  EXPECT_THAT(expired_, ElementsAre(3, 4));
  EXPECT_EQ(push(3), Pushed::NotStarted);
  EXPECT_EQ(slots_->next_wakeup(), now_ns_ + 10) << "the other one's";
}

TEST_F(SequenceSlotsTest, ACancelledSequenceGivesUpWhatWaits) {
  push(1, kStart);
  push(1);
  push(1);
  take();
  EXPECT_THAT(slots_->cancel(turns_.at(1).sequence), ElementsAre(2, 3));
  EXPECT_EQ(push(1), Pushed::NotStarted);
  finish(1);
  EXPECT_TRUE(slots_->empty());
}

TEST_F(SequenceSlotsTest, RequestsWaitForOthersUntilTheyAreEnoughOrTheDelayIsOver) {
  limit({.slots = 8, .max_delay_ns = 30, .enough = {2, 4}});
  push(1, kStart);
  EXPECT_THAT(take(), IsEmpty());
  EXPECT_EQ(slots_->next_wakeup(), now_ns_ + 30);
  push(2, kStart);
  push(3, kStart);
  EXPECT_THAT(take(), ElementsAre(1, 2)) << "the largest preferred size";
  now_ns_ += 29;
  EXPECT_THAT(take(), IsEmpty());
  now_ns_ += 1;
  EXPECT_THAT(take(), ElementsAre(3));
}

TEST_F(SequenceSlotsTest, TheDirectStrategyRunsAllOnceTheyAreEnough) {
  limit({.slots = 8, .max_delay_ns = 30, .enough = {2}, .all_beyond_enough = true});
  push(1, kStart);
  push(2, kStart);
  push(3, kStart);
  EXPECT_THAT(take(), ElementsAre(1, 2, 3));
}

TEST_F(SequenceSlotsTest, ClosedItRunsWhatItHasAndIsEmpty) {
  limit({.slots = 1, .max_delay_ns = 1000, .enough = {4}});
  push(1, kStart);
  push(2, kStart);
  slots_->close();
  EXPECT_THAT(take(), ElementsAre(1));
  finish(1);
  EXPECT_THAT(take(), ElementsAre(2)) << "the first one is over, though nobody ended it";
  finish(2);
  EXPECT_TRUE(slots_->empty());
}

TEST_F(SequenceSlotsTest, ClosedItForgetsTheIdle) {
  push(1, kStart);
  take();
  finish(1);
  EXPECT_FALSE(slots_->empty());
  slots_->close();
  EXPECT_TRUE(slots_->empty());
}

TEST_F(SequenceSlotsTest, TextsAndNumbersNameDifferentSequences) {
  const auto push_text = [&](bool start) {
    return slots_->push({.id = ++last_id_, .step = {.id = std::string("1"), .start = start}},
                        now_ns_);
  };
  push(1, kStart);
  EXPECT_EQ(push_text(false), Pushed::NotStarted);
  EXPECT_EQ(push_text(true), Pushed::Accepted);
}

}  // namespace
}  // namespace neso
