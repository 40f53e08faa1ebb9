// SPDX-License-Identifier: Apache-2.0
#include "engine/cpu/batch_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <vector>

#include "engine/cpu/test_bert.h"

namespace neso {
namespace {

TokenBatch batch_of(const std::vector<size_t>& lengths) {
  TokenBatch batch;
  for (const size_t length : lengths) batch.append(std::vector<int32_t>(length, 1));
  return batch;
}

void expect_every_sequence_once(const BatchPlan& plan, const TokenBatch& batch) {
  std::vector<size_t> seen;
  for (const Chunk& chunk : plan.chunks) {
    ASSERT_FALSE(chunk.sequences.empty());
    ASSERT_EQ(chunk.offsets.size(), chunk.sequences.size() + 1);
    ASSERT_EQ(chunk.offsets[0], 0U);
    for (size_t i = 0; i < chunk.sequences.size(); ++i) {
      ASSERT_EQ(chunk.offsets[i + 1] - chunk.offsets[i], batch.length(chunk.sequences[i]));
      seen.push_back(chunk.sequences[i]);
    }
  }
  std::ranges::sort(seen);
  std::vector<size_t> all(batch.size());
  std::iota(all.begin(), all.end(), size_t{0});
  ASSERT_EQ(seen, all);
}

TEST(PlanBatch, EverySequenceIsInOneChunkWhateverTheBatch) {
  std::mt19937 generator(3);
  for (int round = 0; round < 200; ++round) {
    std::vector<size_t> lengths(1 + generator() % 70);
    for (size_t& length : lengths) length = 1 + generator() % (round % 3 == 0 ? 512 : 20);
    const TokenBatch batch = batch_of(lengths);
    for (const size_t members : {1, 2, 3, 16}) {
      expect_every_sequence_once(plan_batch(batch, minilm_sizes(), members), batch);
    }
  }
}

TEST(PlanBatch, EmptyBatchHasNoChunks) {
  EXPECT_TRUE(plan_batch(TokenBatch(), minilm_sizes(), 2).chunks.empty());
}

TEST(PlanBatch, ManyTextsBecomeEvenChunks) {
  const BatchPlan plan = plan_batch(batch_of(std::vector<size_t>(32, 128)), minilm_sizes(), 2);
  EXPECT_EQ(plan.spread, Spread::Chunks);
  EXPECT_EQ(plan.chunks.size(), 32U);
  for (const Chunk& chunk : plan.chunks) EXPECT_EQ(chunk.rows(), 128U);
}

TEST(PlanBatch, ShortTextsFillEveryMember) {
  const BatchPlan plan = plan_batch(batch_of(std::vector<size_t>(32, 8)), minilm_sizes(), 2);
  EXPECT_EQ(plan.spread, Spread::Chunks);
  ASSERT_EQ(plan.chunks.size(), 2U);
  EXPECT_EQ(plan.chunks[0].rows(), plan.chunks[1].rows());
}

TEST(PlanBatch, LoneTextIsSharedByAll) {
  for (const size_t length : {8, 128, 512}) {
    EXPECT_EQ(plan_batch(batch_of({length}), minilm_sizes(), 2).spread, Spread::Together) << length;
  }
}

TEST(PlanBatch, UnevenBatchIsSharedByAll) {
  EXPECT_EQ(plan_batch(batch_of({128, 128, 128}), minilm_sizes(), 2).spread, Spread::Together);
  EXPECT_EQ(plan_batch(batch_of({500, 60, 60}), minilm_sizes(), 2).spread, Spread::Together);
}

TEST(PlanBatch, TinyWorkWakesNobody) {
  Architecture tiny = minilm_sizes();
  tiny.hidden = 36;
  tiny.heads = 3;
  tiny.intermediate = 77;
  tiny.layers = 1;
  EXPECT_EQ(plan_batch(batch_of({5, 7}), tiny, 2).spread, Spread::Alone);
}

TEST(PlanBatch, OnlyAsManyMembersAsTheWorkIsWorth) {
  EXPECT_EQ(plan_batch(batch_of({1}), minilm_sizes(), 64).members, 8U);  // 21 million operations
  EXPECT_EQ(plan_batch(batch_of({128}), minilm_sizes(), 64).members, 64U);
}

TEST(PlanBatch, OneMemberWorksAlone) {
  EXPECT_EQ(plan_batch(batch_of(std::vector<size_t>(32, 128)), minilm_sizes(), 1).spread,
            Spread::Alone);
}

}  // namespace
}  // namespace neso
