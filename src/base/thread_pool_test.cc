// SPDX-License-Identifier: Apache-2.0
#include "base/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <latch>
#include <stdexcept>
#include <thread>

#include "base/log.h"

namespace neso {
namespace {

std::unique_ptr<ThreadPool> pool_of(size_t threads) {
  auto pool = ThreadPool::create(threads, "a name longer than the system allows");
  EXPECT_TRUE(pool);
  return *std::move(pool);
}

TEST(ThreadPool, FinishesWhatIsQueuedBeforeItGoes) {
  std::atomic<int> done{0};
  {
    const auto pool = pool_of(3);
    EXPECT_EQ(pool->threads(), 3u);
    for (int i = 0; i < 1000; ++i) pool->post([&] { ++done; });
  }
  EXPECT_EQ(done, 1000);
}

TEST(ThreadPool, RunsAsManyTasksAtOnceAsItHasThreads) {
  const auto pool = pool_of(3);
  std::latch all_run(3);
  std::promise<void> finished;
  for (int i = 0; i < 3; ++i) {
    pool->post([&, i] {
      all_run.arrive_and_wait();  // would wait for ever with fewer threads
      if (i == 0) finished.set_value();
    });
  }
  finished.get_future().wait();
}

TEST(ThreadPool, BriefTasksGoFirstAndOthersGetEveryEighthTurn) {
  std::string order;
  {
    std::latch begun(1);
    std::latch queued(1);
    const auto pool = pool_of(1);
    pool->post([&] {
      begun.count_down();
      queued.wait();
    });
    begun.wait();
    for (int i = 0; i < 3; ++i) pool->post([&] { order += 'L'; });
    for (int i = 0; i < 10; ++i) pool->post_brief([&] { order += 'b'; });
    queued.count_down();
  }
  EXPECT_EQ(order, "bbbbbbbLbbbLL");
}

TEST(ThreadPool, ATaskMayPostTasksEvenWhileThePoolGoes) {
  std::atomic<int> done{0};
  {
    const auto pool = pool_of(2);
    ThreadPool& inner = *pool;
    pool->post([&] {
      inner.post([&] {
        inner.post([&] { ++done; });
        ++done;
      });
      ++done;
    });
  }
  EXPECT_EQ(done, 3);
}

TEST(ThreadPool, OneThreadKeepsTheOrder) {
  std::vector<int> order;
  {
    const auto pool = pool_of(1);
    for (int i = 0; i < 100; ++i) pool->post([&, i] { order.push_back(i); });
  }
  ASSERT_EQ(order.size(), 100u);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(order[static_cast<size_t>(i)], i);
}

TEST(ThreadPool, MayEndAsSoonAsATaskThatAnotherThreadPostedHasRun) {
  for (int i = 0; i < 200; ++i) {  // ThreadSanitizer sees what post() still touches
    auto pool = pool_of(1);
    std::latch ran{1};
    std::thread poster([raw = pool.get(), &ran] { raw->post([&ran] { ran.count_down(); }); });
    ran.wait();
    pool.reset();
    poster.join();
  }
}

TEST(ThreadPool, ATaskThatThrowsDoesNotTakeItsThreadAlong) {
  const LogSettings before = log_settings();
  LogSettings quiet = before;
  quiet.error = false;
  ASSERT_TRUE(set_log_settings(quiet));
  std::atomic<int> done{0};
  {
    const auto pool = pool_of(1);
    pool->post([] { throw std::runtime_error("a bug"); });
    pool->post([] { throw 1; });
    pool->post([&] { ++done; });
  }
  EXPECT_EQ(done, 1);
  ASSERT_TRUE(set_log_settings(before));
}

}  // namespace
}  // namespace neso
