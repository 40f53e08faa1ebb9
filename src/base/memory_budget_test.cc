// SPDX-License-Identifier: Apache-2.0
#include "base/memory_budget.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace neso {
namespace {

using ::testing::HasSubstr;

constexpr uint64_t kMiB = uint64_t{1} << 20;

TEST(MemoryBudget, GrantsWhatFitsAndChangesNothingWhenItRefuses) {
  MemoryBudget budget(100);
  MemoryShare model(&budget, MemoryUse::Model);
  MemoryShare request(&budget, MemoryUse::Request);
  EXPECT_TRUE(model.resize(60));
  EXPECT_FALSE(request.resize(41));
  EXPECT_EQ(budget.free(), 40U);
  EXPECT_TRUE(request.resize(40));
  EXPECT_FALSE(request.resize(41));
  EXPECT_EQ(request.bytes(), 40U);
  EXPECT_TRUE(request.resize(10));
  EXPECT_EQ(budget.free(), 30U);
  EXPECT_EQ(budget.held_by_models(), 60U);
  EXPECT_EQ(budget.held_by_requests(), 10U);
}

TEST(MemoryBudget, AShareIsGivenBackWithItsHolder) {
  MemoryBudget budget(100);
  {
    MemoryShare share(&budget, MemoryUse::Request);
    ASSERT_TRUE(share.resize(70));
    MemoryShare moved(std::move(share));
    EXPECT_EQ(budget.free(), 30U);
  }
  EXPECT_EQ(budget.free(), 100U);
  EXPECT_EQ(budget.given_back(), 70U);
}

TEST(MemoryBudget, WhatIsHeldAnywayKeepsOthersOut) {
  MemoryBudget budget(100);
  MemoryShare answer(&budget, MemoryUse::Request);
  answer.set(150);
  EXPECT_EQ(budget.free(), 0U);
  MemoryShare other(&budget, MemoryUse::Request);
  EXPECT_FALSE(other.resize(1));
  answer.set(0);
  EXPECT_TRUE(other.resize(1));
}

TEST(MemoryBudget, WithoutABudgetEverythingIsGranted) {
  MemoryShare share;
  EXPECT_TRUE(share.resize(UINT64_MAX));
}

TEST(MemoryBudget, SaysWhetherWaitingHelps) {
  MemoryBudget budget(100 * kMiB);
  MemoryShare model(&budget, MemoryUse::Model);
  ASSERT_TRUE(model.resize(60 * kMiB));
  const Error never = budget.request_refusal(41 * kMiB);
  EXPECT_EQ(never.code, ErrorCode::TooLarge);
  EXPECT_THAT(never.message, HasSubstr("41 MiB of memory, more than the 40 MiB"));
  const Error later = budget.request_refusal(40 * kMiB);
  EXPECT_EQ(later.code, ErrorCode::Overloaded);
  EXPECT_THAT(later.message, HasSubstr("try again"));
}

TEST(MemoryBudget, ShowsItsLevels) {
  MetricRegistry metrics;
  MemoryBudget budget(1000);
  budget.publish(metrics);
  MemoryShare request(&budget, MemoryUse::Request);
  ASSERT_TRUE(request.resize(300));
  EXPECT_THAT(metrics.text(), HasSubstr("\nneso_memory_budget_bytes 1000\n"));
  EXPECT_THAT(metrics.text(), HasSubstr("\nneso_request_bytes_in_flight 300\n"));
}

TEST(MemoryBudget, IsNeverOvertakenByThreadsThatAsk) {
  MemoryBudget budget(64);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 1000; ++round) {
        MemoryShare share(&budget, MemoryUse::Request);
        if (share.resize(40)) {
          EXPECT_LE(budget.held_by_requests(), 64U);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(budget.free(), 64U);
}

}  // namespace
}  // namespace neso
