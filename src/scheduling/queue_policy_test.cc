// SPDX-License-Identifier: Apache-2.0
#include "scheduling/queue_policy.h"

#include <gtest/gtest.h>

namespace neso {
namespace {

TEST(QueuePolicies, APriorityThatTheModelDoesNotHaveIsItsDefault) {
  const QueuePolicies policies({.priority_levels = 3, .default_priority_level = 2});
  EXPECT_EQ(policies.level_of(0), 2U);
  EXPECT_EQ(policies.level_of(1), 1U);
  EXPECT_EQ(policies.level_of(3), 3U);
  EXPECT_EQ(policies.level_of(4), 2U);
  EXPECT_EQ(QueuePolicies().level_of(7), 0U);
}

TEST(QueuePolicies, ALevelWithoutAPolicyOfItsOwnHasTheDefaultOne) {
  const QueuePolicies policies({.priority_levels = 2,
                                .default_priority_level = 1,
                                .default_queue_policy = {.max_queue_size = 5},
                                .priority_queue_policies = {{2, {.max_queue_size = 9}}}});
  EXPECT_EQ(policies.of(1).max_queue_size, 5U);
  EXPECT_EQ(policies.of(2).max_queue_size, 9U);
}

// Triton: a request's own time-out counts only where it is allowed and shorter than a default.
TEST(QueuePolicies, ARequestsTimeoutOnlyShortensTheDefaultOne) {
  const auto wait_us = [](QueuePolicy policy, uint64_t timeout_us) -> int64_t {
    const auto until =
        QueuePolicies({.default_queue_policy = policy}).waits_until(0, timeout_us, 1'000'000);
    return until ? (*until - 1'000'000) / 1000 : -1;
  };
  EXPECT_EQ(wait_us({}, 0), -1);
  EXPECT_EQ(wait_us({}, 5), -1);
  EXPECT_EQ(wait_us({.allow_timeout_override = true}, 5), -1);
  EXPECT_EQ(wait_us({.default_timeout_us = 9}, 5), 9);
  EXPECT_EQ(wait_us({.default_timeout_us = 9, .allow_timeout_override = true}, 5), 5);
  EXPECT_EQ(wait_us({.default_timeout_us = 9, .allow_timeout_override = true}, 50), 9);
  EXPECT_EQ(wait_us({.default_timeout_us = 9, .allow_timeout_override = true}, 0), 9);
  EXPECT_GT(wait_us({.default_timeout_us = UINT64_MAX}, 0), 0);
}

}  // namespace
}  // namespace neso
