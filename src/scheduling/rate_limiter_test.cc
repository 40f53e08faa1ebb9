// SPDX-License-Identifier: Apache-2.0
// Engines of several schedulers that share a resource. Everything waits on latches and answers.
#include "scheduling/rate_limiter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <latch>
#include <thread>

#include "scheduling/scheduler.h"
#include "scheduling/test_engine.h"

namespace neso {
namespace {

using ::testing::ElementsAre;
using ::testing::StartsWith;
using Answer = std::future<Result<JobOutput>>;

InstanceResources needs(uint32_t count, uint32_t priority = 0) {
  return {.needs = {{.name = "r", .count = count}}, .priority = priority};
}

class RateLimiterTest : public ::testing::Test {
 protected:
  struct Running {
    std::shared_ptr<TestEngineScript> script = std::make_shared<TestEngineScript>();
    std::unique_ptr<Scheduler> scheduler;
  };

  std::unique_ptr<RateSeat> seat(const InstanceResources& resources) {
    auto enrolled = limiter_->enroll(resources, 0);
    EXPECT_TRUE(enrolled) << enrolled.error().message;
    return *std::move(enrolled);
  }
  void start(Running& model, const std::vector<InstanceResources>& engines) {
    SchedulerOptions options{.queue = {.limits = {.max_cost = 1}}};
    std::vector<std::unique_ptr<Engine>> all;
    for (const InstanceResources& engine : engines) {
      all.push_back(std::make_unique<TestEngine>(model.script));
      options.seats.push_back(seat(engine));
    }
    auto started = Scheduler::start(std::move(all), options, recorder_);
    ASSERT_TRUE(started) << started.error().message;
    model.scheduler = *std::move(started);
  }
  Answer submit(Running& model, int32_t id) {
    const auto promise = std::make_shared<std::promise<Result<JobOutput>>>();
    std::vector<Job> jobs(1);
    jobs[0].work = SequenceWork{.ids = {id}};
    jobs[0].scope = std::make_shared<RequestScope>(recorder_);
    jobs[0].done = Completion<JobOutput>(
        [promise](Result<JobOutput> result) { promise->set_value(std::move(result)); });
    Answer answer = promise->get_future();
    model.scheduler->submit(std::move(jobs));
    return answer;
  }

  ManualClock clock_;
  MetricRegistry metrics_;
  std::shared_ptr<StatisticsRecorder> recorder_ =
      std::make_shared<StatisticsRecorder>("m", 1, ModelMetricOptions{}, metrics_, clock_);
  std::shared_ptr<RateLimiter> limiter_ =
      std::make_shared<RateLimiter>(std::vector<ResourceLimit>{{.name = "r", .count = 1}});
};

TEST_F(RateLimiterTest, WhoNeedsNothingHasNoSeat) {
  EXPECT_EQ(seat({}), nullptr);
  EXPECT_EQ(seat(needs(0)), nullptr);
  auto refused = limiter_->enroll(needs(2), 0);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::InvalidArgument);
  EXPECT_THAT(refused.error().message, StartsWith("Resource count for \"r\" is limited to 1"));
}

TEST_F(RateLimiterTest, AModelWaitsWhileAnotherHasTheResource) {
  Running a;
  Running b;
  std::latch entered(1);
  std::latch gate(1);
  a.script->entered = &entered;
  a.script->gate = &gate;
  start(a, {needs(1)});
  start(b, {needs(1)});
  Answer first = submit(a, 1);
  entered.wait();
  a.script->entered = nullptr;
  Answer second = submit(b, 2);
  EXPECT_EQ(second.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  EXPECT_THAT(b.script->batches, ElementsAre());
  gate.count_down();
  EXPECT_TRUE(first.get());
  EXPECT_TRUE(second.get());
}

TEST_F(RateLimiterTest, WorkGoesToAnEngineThatNeedsNothing) {
  Running a;
  start(a, {needs(1), {}});
  const auto held = seat(needs(1));
  held->take();
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(submit(a, i).get());
  held->give_back(false);
}

TEST_F(RateLimiterTest, AStopFinishesWhatWaitsForResources) {
  Running a;
  start(a, {needs(1)});
  const auto held = seat(needs(1));
  held->take();
  Answer waiting = submit(a, 3);
  std::thread stopper([&] { a.scheduler->stop(); });
  held->give_back(false);
  stopper.join();
  EXPECT_TRUE(waiting.get());
}

TEST_F(RateLimiterTest, AModelThatIsUnloadedLeavesNothingBehind) {
  {
    Running a;
    start(a, {needs(1), needs(1)});
    EXPECT_TRUE(submit(a, 1).get());
  }
  const auto next = seat(needs(1));
  next->take();
  next->give_back(false);
}

// Counts those that hold the resource at a time.
TEST_F(RateLimiterTest, NeverMoreAtATimeThanThereAre) {
  limiter_ = std::make_shared<RateLimiter>(std::vector<ResourceLimit>{{.name = "r", .count = 3}});
  std::atomic<uint32_t> held = 0;
  std::atomic<uint32_t> most = 0;
  std::vector<std::thread> threads;
  for (const uint32_t count : {1U, 1U, 2U, 3U}) {
    threads.emplace_back([&, count, seat = seat(needs(count, count))] {
      for (int i = 0; i < 500; ++i) {
        seat->take();
        const uint32_t now = held.fetch_add(count) + count;
        for (uint32_t known = most; known < now && !most.compare_exchange_weak(known, now);) {
        }
        held.fetch_sub(count);
        seat->give_back(i < 499 && i % 3 != 0);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(most, 3U);
}

TEST_F(RateLimiterTest, ModelsThatShareAResourceAnswerAllTheyAreAsked) {
  Running models[3];
  for (uint32_t i = 0; i < 3; ++i) start(models[i], {needs(1, i + 1), needs(1, i + 1)});
  std::vector<Answer> answers;
  for (int32_t i = 0; i < 300; ++i) answers.push_back(submit(models[i % 3], i % 80));
  for (Answer& answer : answers) EXPECT_TRUE(answer.get());
}

}  // namespace
}  // namespace neso
