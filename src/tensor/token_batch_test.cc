// SPDX-License-Identifier: Apache-2.0
#include "tensor/token_batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

namespace neso {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::array kTwo = {101, 102};
constexpr std::array kThree = {7, 8, 9};
constexpr std::array kTypes = {0, 1, 1};
constexpr std::array kPositions = {2, 3, 4};

TEST(TokenBatch, PacksSequencesEndToEnd) {
  TokenBatch batch;
  EXPECT_EQ(batch.size(), 0u);
  EXPECT_EQ(batch.longest(), 0u);
  batch.append(kTwo);
  batch.append(kThree);
  batch.append(std::span<const int32_t>{});
  EXPECT_EQ(batch.size(), 3u);
  EXPECT_EQ(batch.tokens(), 5u);
  EXPECT_EQ(batch.longest(), 3u);
  EXPECT_THAT(batch.ids, ElementsAre(101, 102, 7, 8, 9));
  EXPECT_THAT(batch.cu_seqlens, ElementsAre(0, 2, 5, 5));
  EXPECT_THAT(batch.sequence(1), ElementsAre(7, 8, 9));
  EXPECT_THAT(batch.sequence(2), IsEmpty());
  EXPECT_THAT(batch.type_ids, IsEmpty()) << "no sequence has any";
  EXPECT_THAT(batch.positions, IsEmpty());
}

TEST(TokenBatch, TypeIdsThatComeLaterFillUpTheEarlier) {
  TokenBatch batch;
  batch.append(kTwo);
  batch.append(kThree, kTypes);
  batch.append(kTwo);
  EXPECT_THAT(batch.type_ids, ElementsAre(0, 0, 0, 1, 1, 0, 0));
}

TEST(TokenBatch, PositionsThatComeLaterFillUpFromEachSequencesStart) {
  TokenBatch batch;
  batch.append(kTwo);
  batch.append(kThree);
  batch.append(kThree, {}, kPositions);
  batch.append(kTwo);
  EXPECT_THAT(batch.positions, ElementsAre(0, 1, 0, 1, 2, 2, 3, 4, 0, 1));
  EXPECT_THAT(batch.type_ids, IsEmpty());
}

TEST(TokenBatch, AppendsABatchWithItsSequences) {
  TokenBatch left;
  left.append(kTwo);
  TokenBatch right;
  right.append(kThree, kTypes, kPositions);
  right.append(kTwo);
  left.append(right);
  EXPECT_THAT(left.ids, ElementsAre(101, 102, 7, 8, 9, 101, 102));
  EXPECT_THAT(left.cu_seqlens, ElementsAre(0, 2, 5, 7));
  EXPECT_THAT(left.type_ids, ElementsAre(0, 0, 0, 1, 1, 0, 0));
  EXPECT_THAT(left.positions, ElementsAre(0, 1, 2, 3, 4, 0, 1));
}

TEST(TokenBatch, ABatchWithoutExtrasFollowsOneWithThem) {
  TokenBatch left;
  left.append(kThree, kTypes, kPositions);
  TokenBatch right;
  right.append(kTwo);
  right.append(kThree);
  left.append(right);
  EXPECT_THAT(left.type_ids, ElementsAre(0, 1, 1, 0, 0, 0, 0, 0));
  EXPECT_THAT(left.positions, ElementsAre(2, 3, 4, 0, 1, 0, 1, 2));
}

TEST(TokenBatch, AppendingNothingChangesNothing) {
  TokenBatch batch;
  batch.append(kTwo);
  batch.append(TokenBatch{});
  EXPECT_EQ(batch.size(), 1u);
  EXPECT_THAT(batch.cu_seqlens, ElementsAre(0, 2));
}

TEST(TokenBatch, ExtrasOfAnotherLengthAreABug) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  TokenBatch batch;
  EXPECT_DEATH(batch.append(kTwo, kTypes), "type_ids");
  EXPECT_DEATH(batch.append(kTwo, {}, kPositions), "positions");
}

}  // namespace
}  // namespace neso
