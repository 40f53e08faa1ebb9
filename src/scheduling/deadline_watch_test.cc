// SPDX-License-Identifier: Apache-2.0
// What is due is ended on the watch's thread; the clock stands still until a test moves it.
#include "scheduling/deadline_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <latch>
#include <new>
#include <thread>

namespace neso {
namespace {

class DeadlineWatchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto started = DeadlineWatch::start(clock_);
    ASSERT_TRUE(started) << started.error().message;
    watch_ = *std::move(started);
  }
  int64_t in(int64_t ns) const { return clock_.now_ns() + ns; }

  ManualClock clock_;
  std::unique_ptr<DeadlineWatch> watch_;
};

TEST_F(DeadlineWatchTest, CallsWhatIsDueAndAgainWhenItSaysSo) {
  std::promise<int64_t> first;
  std::promise<int64_t> second;
  const int64_t start = clock_.now_ns();
  const auto watched = watch_->add([&, calls = 0](int64_t now_ns) mutable {
    (calls++ == 0 ? first : second).set_value(now_ns);
    return calls == 1 ? std::optional(start + 2000) : std::nullopt;
  });
  watched->due(start + 1000);
  clock_.advance_ns(1000);
  EXPECT_EQ(first.get_future().get(), start + 1000);
  clock_.advance_ns(1000);
  EXPECT_EQ(second.get_future().get(), start + 2000);
}

TEST_F(DeadlineWatchTest, AnEarlierDeadlineCountsAndALaterOneDoesNotReplaceIt) {
  std::promise<void> called;
  const auto later = watch_->add([](int64_t) { return std::nullopt; });
  const auto watched = watch_->add([&](int64_t) {
    called.set_value();
    return std::nullopt;
  });
  later->due(in(1'000'000'000'000));
  watched->due(in(2000));
  watched->due(in(900'000'000'000));
  clock_.advance_ns(2000);
  called.get_future().get();
}

TEST_F(DeadlineWatchTest, TheEndOfOneWaitsForItsCall) {
  std::latch entered(1);
  std::latch gate(1);
  std::atomic<bool> left = false;
  auto watched = watch_->add([&](int64_t) {
    entered.count_down();
    gate.wait();
    left = true;
    return std::nullopt;
  });
  watched->due(in(0));
  entered.wait();
  std::thread opener([&] { gate.count_down(); });
  watched = nullptr;
  EXPECT_TRUE(left);
  opener.join();
}

TEST_F(DeadlineWatchTest, OneThatHasNoMemoryIsCalledAgain) {
  std::promise<void> again;
  std::latch failed(1);
  const auto watched = watch_->add([&, calls = 0](int64_t) mutable -> std::optional<int64_t> {
    if (calls++ == 0) {
      failed.count_down();
      throw std::bad_alloc();
    }
    if (calls == 2) again.set_value();
    return std::nullopt;
  });
  watched->due(in(0));
  failed.wait();
  watched->due(in(0));
  again.get_future().get();
}

TEST_F(DeadlineWatchTest, MayEndBeforeWhatItWatches) {
  const auto watched = watch_->add([](int64_t) { return std::nullopt; });
  watch_ = nullptr;
  watched->due(in(0));
}

}  // namespace
}  // namespace neso
