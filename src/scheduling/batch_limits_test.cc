// SPDX-License-Identifier: Apache-2.0
#include "scheduling/batch_limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace neso {
namespace {

using ::testing::ElementsAre;

TEST(BatchLimits, AnEncodersBatchesAreBoundedInTokensAndToppedUpToAQuarter) {
  const BatchLimits limits = batch_limits({}, {.encoder = true});
  EXPECT_GE(limits.max_cost, 256U);
  EXPECT_EQ(limits.top_up_cost, limits.max_cost / 4);
  EXPECT_EQ(limits.max_rows, kUnlimited);
  EXPECT_EQ(lane_of(512, 100, limits), Lane::Interactive);
  EXPECT_EQ(lane_of(513, 1, limits), Lane::Bulk);
}

TEST(BatchLimits, AGraphsAreBoundedInRows) {
  const BatchLimits limits = batch_limits({.max_batch_size = 16}, {.graph = true});
  EXPECT_EQ(limits.max_rows, 16U);
  EXPECT_EQ(lane_of(1, 2, limits), Lane::Interactive);
  EXPECT_EQ(lane_of(1, 3, limits), Lane::Bulk);
  EXPECT_EQ(lane_of(1 << 20, 1, limits), Lane::Bulk);
  EXPECT_EQ(batch_limits({.max_batch_size = 0}, {.graph = true}).max_rows, 1U);
}

TEST(BatchLimits, PreferredSizesAndTheDelayComeFromTheConfig) {
  ModelConfig config{.max_batch_size = 8};
  config.dynamic_batching = {.preferred_batch_sizes = {4, 2}, .max_queue_delay_us = 100};
  const BatchLimits limits = batch_limits(config, {.graph = true});
  EXPECT_THAT(limits.preferred_rows, ElementsAre(2, 4));
  EXPECT_EQ(limits.max_delay_ns, 100'000);
}

}  // namespace
}  // namespace neso
