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
  EXPECT_EQ(must_make("len512", {30522, 256}).batches.front().longest(), 256U);
}

TEST(BenchCase, SingleHasOneTextACall) {
  const BenchCase workload = must_make("single8");
  EXPECT_TRUE(workload.latency);
  for (const TokenBatch& batch : workload.batches) EXPECT_EQ(batch.size(), 1U);
}

TEST(BenchCase, AnyLengthIsACase) {
  EXPECT_EQ(must_make("len17").batches.front().length(0), 17U);
  EXPECT_EQ(must_make("single100").batches.front().length(0), 100U);
}

TEST(BenchCase, AnUnknownNameIsAnsweredWithTheChoice) {
  for (const char* name : {"", "len", "len0", "len-1", "len8x", "len99999", "mixed8", "short"}) {
    const auto workload = make_bench_case(name, kLimits);
    ASSERT_FALSE(workload.has_value()) << name;
    EXPECT_THAT(workload.error().message, ::testing::HasSubstr("mixed, lenN and singleN"));
  }
}

}  // namespace
}  // namespace neso
