// SPDX-License-Identifier: Apache-2.0
#include "base/run_pieces.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <stdexcept>
#include <thread>
#include <vector>

namespace neso {
namespace {

TEST(RunPieces, RunsEachOnce) {
  const auto helpers = *ThreadPool::create(3, "helpers");
  for (const size_t count : {0, 1, 2, 3, 1000}) {
    std::vector<std::atomic<int>> runs(count);
    run_pieces(helpers.get(), count, [&](size_t piece) { ++runs[piece]; });
    for (const auto& times : runs) EXPECT_EQ(times, 1) << count;
  }
}

TEST(RunPieces, NeedsNoHelpers) {
  std::vector<size_t> seen;
  run_pieces(nullptr, 3, [&](size_t piece) { seen.push_back(piece); });
  EXPECT_EQ(seen, (std::vector<size_t>{0, 1, 2}));
}

TEST(RunPieces, RunsOnSeveralThreads) {
  const auto helpers = *ThreadPool::create(2, "helpers");
  std::latch both(2);  // neither piece ends before the other has begun
  std::vector<std::thread::id> threads(2);
  run_pieces(helpers.get(), 2, [&](size_t piece) {
    threads[piece] = std::this_thread::get_id();
    both.arrive_and_wait();
  });
  EXPECT_NE(threads[0], threads[1]);
}

TEST(RunPieces, DoesNotWaitForHelpersThatHaveNoTime) {
  std::latch over(1);
  const auto busy = *ThreadPool::create(2, "busy");
  for (size_t i = 0; i < busy->threads(); ++i) busy->post([&] { over.wait(); });
  int runs = 0;
  run_pieces(busy.get(), 10, [&](size_t) { ++runs; });
  EXPECT_EQ(runs, 10);
  over.count_down();
}

TEST(RunPieces, WhatOneThrowsReachesTheCallerWhenNoneRunsAnyMore) {
  const auto helpers = *ThreadPool::create(2, "helpers");
  std::latch both(2);
  std::atomic<int> begun = 0;
  std::atomic<bool> other_ended = false;
  const auto piece = [&](size_t number) {
    ++begun;
    if (number > 1) return;
    both.arrive_and_wait();
    if (number == 0) throw std::runtime_error("the first");
    for (int i = 0; i < 1000; ++i)
      std::this_thread::yield();  // time for a caller that does not wait
    other_ended = true;
  };
  EXPECT_THROW(run_pieces(helpers.get(), 2, piece), std::runtime_error);
  EXPECT_TRUE(other_ended);
  EXPECT_EQ(begun, 2);
}

TEST(RunPieces, WhatWasNotBegunWhenOneThrowsIsLeftOut) {
  std::vector<size_t> seen;
  const auto piece = [&](size_t number) {
    seen.push_back(number);
    if (number == 3) throw std::runtime_error("three");
  };
  EXPECT_THROW(run_pieces(nullptr, 1000, piece), std::runtime_error);
  EXPECT_EQ(seen, (std::vector<size_t>{0, 1, 2, 3}));
}

}  // namespace
}  // namespace neso
