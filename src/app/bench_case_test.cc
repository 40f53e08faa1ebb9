// SPDX-License-Identifier: Apache-2.0
#include "app/bench_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace neso {
namespace {

constexpr BenchLimits kLimits{30522, 512};

BenchCase must_make(std::string_view name, const BenchLimits& limits = kLimits) {
  auto workload = make_bench_case(name, limits);
  EXPECT_TRUE(workload.has_value());
  return workload ? std::move(*workload) : BenchCase{};
}

TEST(BenchCase, FixedLengthsAreThatLong) {
  for (const TokenBatch& batch : must_make("len128").batches) {
    for (size_t i = 0; i < batch.size(); ++i) EXPECT_EQ(batch.length(i), 128U);
  }
}

TEST(BenchCase, MixedLengthsAreLogNormalWithin4And256) {
  double sum = 0;
  size_t count = 0;
  for (const TokenBatch& batch : must_make("mixed").batches) {
    for (size_t i = 0; i < batch.size(); ++i, ++count) {
      EXPECT_GE(batch.length(i), 4U);
      EXPECT_LE(batch.length(i), 256U);
      sum += static_cast<double>(batch.length(i));
    }
  }
  EXPECT_NEAR(sum / static_cast<double>(count), 65, 10);
}

TEST(BenchCase, SameIdsEveryTimeAndWithinTheVocabulary) {
  const BenchCase once = must_make("mixed", {100, 512});
  const BenchCase again = must_make("mixed", {100, 512});
  ASSERT_EQ(once.batches.size(), again.batches.size());
  for (size_t i = 0; i < once.batches.size(); ++i) {
    EXPECT_EQ(once.batches[i].ids, again.batches[i].ids);
    for (const int32_t id : once.batches[i].ids) EXPECT_LT(id, 100);
  }
}

TEST(BenchCase, LengthsAreCutToTheModelsLimit) {
  const BenchCase workload = must_make("len512", {30522, 256});
  EXPECT_EQ(workload.batches.front().longest(), 256U);
  EXPECT_EQ(workload.n, 256U);
  EXPECT_EQ(must_make("batch2", {30522, 16}).batches.front().longest(), 16U);
}

TEST(BenchCase, BatchHasSoManyTextsOf32TokensACall) {
  for (const size_t texts : {1, 5, 64, 1024}) {
    const BenchCase workload = must_make("batch" + std::to_string(texts));
    EXPECT_EQ(workload.kind, BenchKind::Batch);
    EXPECT_EQ(workload.n, texts);
    ASSERT_FALSE(workload.batches.empty());
    EXPECT_LE(workload.batches.size(), 64U);
    for (const TokenBatch& batch : workload.batches) {
      EXPECT_EQ(batch.size(), texts);
      EXPECT_EQ(batch.tokens(), texts * 32);
    }
  }
}

TEST(BenchCase, EveryDefaultIsACase) {
  for (const std::string& list : {default_bench_cases(), plotted_bench_cases()}) {
    for (size_t begin = 0; begin < list.size();) {
      const size_t end = std::min(list.find(',', begin), list.size());
      must_make(list.substr(begin, end - begin));
      begin = end + 1;
    }
  }
}

TEST(BenchCase, SingleHasOneTextACall) {
  const BenchCase workload = must_make("single8");
  EXPECT_EQ(workload.kind, BenchKind::Single);
  EXPECT_EQ(workload.batches.size(), 64U);
  for (const TokenBatch& batch : workload.batches) EXPECT_EQ(batch.size(), 1U);
}

TEST(BenchCase, AnyLengthIsACase) {
  EXPECT_EQ(must_make("len17").batches.front().length(0), 17U);
  EXPECT_EQ(must_make("single100").batches.front().length(0), 100U);
}

TEST(BenchCase, AnUnknownNameIsAnsweredWithTheChoice) {
  for (const char* name : {"", "len", "len0", "len-1", "len8x", "len99999", "mixed8", "short",
                           "batch", "batch0", "batch1025"}) {
    const auto workload = make_bench_case(name, kLimits);
    ASSERT_FALSE(workload.has_value()) << name;
    EXPECT_THAT(workload.error().message,
                ::testing::AllOf(::testing::HasSubstr("mixed, lenN and singleN"),
                                 ::testing::HasSubstr("batchN")));
  }
}

}  // namespace
}  // namespace neso
