// SPDX-License-Identifier: Apache-2.0
#include "engine/cpu/encoder_pass.h"

#include <gtest/gtest.h>

#include "base/failing_allocations.h"
#include "engine/cpu/cpu_engine.h"
#include "engine/cpu/test_bert.h"

namespace neso {
namespace {

// What a member of a team throws ends the process, so it must have nothing to throw.
TEST(EncoderPass, AllocatesNothingOnceItsInputIsMade) {
  for (const bool nomic : {false, true}) {
    Architecture a = narrow_sizes();
    a.max_positions = 200;
    a.rotary = {1000, 2, 20};  // longer texts have a base of their own
    const auto weights = load_cpu_weights(nomic ? random_nomic(a, 1) : random_bert(a, 1),
                                          Precision::Int8, Isa::Generic);
    ASSERT_TRUE(weights.has_value());
    TokenBatch batch;
    batch.append(std::vector<int32_t>(7, 3));
    batch.append(std::vector<int32_t>(60, 4));
    Chunk chunk;
    chunk.sequences = {0, 1};
    chunk.offsets = {0, 7, 67};
    Workspace workspace;
    ASSERT_TRUE(workspace.reserve(**weights, {67, 60}).has_value());
    const PassInput input((*weights)->architecture, batch);
    FailingAllocations::fail(1);
    EncoderPass pass(**weights, input, chunk, workspace, workspace, PassMember{});
    pass.run();
    EXPECT_FALSE(FailingAllocations::failed()) << nomic;
    FailingAllocations::fail(0);
  }
}

}  // namespace
}  // namespace neso
