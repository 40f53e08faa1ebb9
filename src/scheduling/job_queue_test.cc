// SPDX-License-Identifier: Apache-2.0
// Which requests a queue takes, and which it gives out, with the time passed in.
#include "scheduling/job_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/metrics.h"

namespace neso {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kMs = 1'000'000;

class JobQueueTest : public ::testing::Test {
 protected:
  // A request of one sequence of so many tokens, unlike all others.
  Job job(size_t tokens, int name) {
    std::vector<int32_t> ids(tokens, name);
    if (tokens > 1) ids.back() = ++made_;
    return {.work = SequenceWork{.ids = std::move(ids)},
            .scope = std::make_shared<RequestScope>(recorder_)};
  }
  static std::optional<Error> push(JobQueue& queue, Job job, int64_t now_ns = 0,
                                   const JobQueue::Engines& engines = {}) {
    std::vector<Job> jobs;
    jobs.push_back(std::move(job));
    auto refused = queue.push(jobs, engines, now_ns);
    if (!refused) return std::nullopt;
    return std::move(refused->error);
  }
  static std::vector<int> names(const JobQueue::Jobs& jobs) {
    std::vector<int> all;
    for (const auto& [id, queued] : jobs)
      all.push_back(std::get<SequenceWork>(queued.job.work).ids.front());
    return all;
  }
  ManualClock clock_;
  MetricRegistry metrics_;
  std::shared_ptr<StatisticsRecorder> recorder_ =
      std::make_shared<StatisticsRecorder>("m", 1, ModelMetricOptions{}, metrics_, clock_);
  int made_ = 1000;
};

TEST_F(JobQueueTest, ServesPrioritiesInOrderAndTheDefaultForOthers) {
  JobQueue queue({.limits = {.max_cost = 1},
                  .policies = QueuePolicies({.priority_levels = 3, .default_priority_level = 2})});
  int name = 0;
  for (const uint64_t priority : {3, 0, 1, 9}) {
    Job request = job(1, ++name);
    request.priority = priority;
    EXPECT_FALSE(push(queue, std::move(request)));
  }
  std::vector<int> order;
  for (int i = 0; i < 4; ++i) order.push_back(names(queue.take(0).batch).front());
  EXPECT_THAT(order, ElementsAre(3, 2, 4, 1));
}

TEST_F(JobQueueTest, ALevelTakesNoMoreRequestsThanItsPolicyAllows) {
  JobQueue queue(
      {.policies = QueuePolicies({.priority_levels = 2,
                                  .default_priority_level = 1,
                                  .priority_queue_policies = {{1, {.max_queue_size = 2}}}})});
  std::vector<Job> two_texts;
  two_texts.push_back(job(1, 1));
  two_texts.push_back(job(1, 2));
  EXPECT_FALSE(queue.push(two_texts, {}, 0)) << "one request";
  EXPECT_FALSE(push(queue, job(1, 3)));
  const auto refused = push(queue, job(1, 4));
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->code, ErrorCode::Overloaded);
  EXPECT_EQ(refused->message, "Exceeds maximum queue size");
  Job other_level = job(1, 5);
  other_level.priority = 2;
  EXPECT_FALSE(push(queue, std::move(other_level)));
  queue.take(0);
  EXPECT_FALSE(push(queue, job(1, 6))) << "there is room again";
}

TEST_F(JobQueueTest, APolicyRejectsWhatWaitsTooLong) {
  JobQueue queue(
      {.policies = QueuePolicies({.default_queue_policy = {.default_timeout_us = 5000,
                                                           .allow_timeout_override = true}})});
  Job hasty = job(1, 1);
  hasty.timeout_us = 1000;
  EXPECT_FALSE(push(queue, std::move(hasty)));
  EXPECT_FALSE(push(queue, job(1, 2)));
  const auto early = queue.take(1 * kMs);
  EXPECT_THAT(names(early.expired), ElementsAre(1));
  EXPECT_THAT(names(early.batch), ElementsAre(2));
  EXPECT_FALSE(push(queue, job(1, 3)));
  EXPECT_THAT(names(queue.take(5 * kMs).expired), ElementsAre(3));
}

TEST_F(JobQueueTest, APolicyDelaysWhatWaitsTooLong) {
  JobQueue queue({.limits = {.max_cost = 1},
                  .policies = QueuePolicies(
                      {.default_queue_policy = {.timeout_action = QueuePolicy::TimeoutAction::Delay,
                                                .default_timeout_us = 1000}})});
  EXPECT_FALSE(push(queue, job(1, 1), 0));
  EXPECT_FALSE(push(queue, job(1, 2), 1 * kMs));
  EXPECT_THAT(names(queue.take(1 * kMs).batch), ElementsAre(2));
  EXPECT_THAT(names(queue.take(1 * kMs).batch), ElementsAre(1));
}

TEST_F(JobQueueTest, ARequestsTimeoutMeansNothingWithoutAPolicy) {
  JobQueue queue({});
  Job hasty = job(1, 1);
  hasty.timeout_us = 1;
  EXPECT_FALSE(push(queue, std::move(hasty)));
  EXPECT_THAT(names(queue.take(1000 * kMs).batch), ElementsAre(1));
}

TEST_F(JobQueueTest, TheCallersDeadlineHoldsAlsoUnderALongerPolicy) {
  JobQueue queue(
      {.policies = QueuePolicies({.default_queue_policy = {.default_timeout_us = 9000}})});
  Job request = job(1, 1);
  request.deadline_ns = 2 * kMs;
  EXPECT_FALSE(push(queue, std::move(request)));
  EXPECT_THAT(names(queue.take(2 * kMs).expired), ElementsAre(1));
}

TEST_F(JobQueueTest, RefusesAtOnceWhatCannotMeetItsDeadline) {
  JobQueue queue({});
  const JobQueue::Engines engines{.cost_per_second = 1000, .running_cost = 10};
  EXPECT_FALSE(push(queue, job(50, 1), 0, engines));
  Job late = job(20, 2);
  late.deadline_ns = 99 * kMs;
  const auto refused = push(queue, std::move(late), 0, engines);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->code, ErrorCode::Overloaded);
  EXPECT_GT(refused->retry_after_ms, 0U);
  Job in_time = job(20, 3);
  in_time.deadline_ns = 100 * kMs;  // 80 ms of work, and a quarter in reserve
  EXPECT_FALSE(push(queue, std::move(in_time), 0, engines));
}

TEST_F(JobQueueTest, AnIdleModelIsTriedAgainAfterTheSpeedWasLow) {
  JobQueue queue({});
  const JobQueue::Engines slow{.cost_per_second = 1, .ran_ns = 5 * kMs};
  const auto refused_at = [&](int64_t now_ns, const JobQueue::Engines& engines) {
    Job request = job(2, 1);
    request.deadline_ns = now_ns + 50 * kMs;
    return push(queue, std::move(request), now_ns, engines).has_value();
  };
  EXPECT_TRUE(refused_at(10'004 * kMs, slow));
  JobQueue::Engines busy = slow;
  busy.running_cost = 1;
  EXPECT_TRUE(refused_at(10'005 * kMs, busy)) << "what runs will tell";
  EXPECT_FALSE(refused_at(10'005 * kMs, slow));
  EXPECT_TRUE(refused_at(10'005 * kMs, slow)) << "one is enough";
}

TEST_F(JobQueueTest, AnotherClientsBacklogDoesNotMakeARequestLate) {
  JobQueue queue({});
  const JobQueue::Engines engines{.cost_per_second = 1000};
  for (int i = 0; i < 100; ++i) {
    Job flood = job(10, 1);
    flood.client = 1;
    EXPECT_FALSE(push(queue, std::move(flood), 0, engines));
  }
  Job other = job(10, 2);
  other.client = 2;
  other.deadline_ns = 50 * kMs;
  EXPECT_FALSE(push(queue, std::move(other), 0, engines));
  Job same = job(10, 3);
  same.client = 1;
  same.deadline_ns = 50 * kMs;
  EXPECT_TRUE(push(queue, std::move(same), 0, engines));
}

TEST_F(JobQueueTest, BulkWorkDoesNotFillTheRoomOfSmallRequests) {
  JobQueue queue({.limits = {.interactive_cost = 5}, .max_queued_cost = 100});
  EXPECT_FALSE(push(queue, job(100, 1)));
  EXPECT_TRUE(push(queue, job(6, 2)));
  EXPECT_FALSE(push(queue, job(5, 3)));
}

TEST_F(JobQueueTest, DropsWhatItsClientDoesNotWaitForAnyMore) {
  JobQueue queue({});
  const auto gone = std::make_shared<std::atomic<bool>>(true);
  Job left = job(1, 1);
  left.gone = gone;
  EXPECT_FALSE(push(queue, std::move(left)));
  const auto pulled = queue.take(0);
  EXPECT_THAT(pulled.batch, IsEmpty());
  EXPECT_THAT(names(pulled.unwanted), ElementsAre(1));
}

TEST_F(JobQueueTest, AnswersLeaveInTheOrderOfArrivalWhenTheModelWantsIt) {
  JobQueue queue({.limits = {.max_cost = 1, .interactive_cost = 5},
                  .policies = QueuePolicies({.preserve_ordering = true})});
  std::vector<int> answered;
  const auto request = [&](size_t tokens, int name) {
    Job made = job(tokens, name);
    made.done =
        Completion<JobOutput>([&, name](const Result<JobOutput>&) { answered.push_back(name); });
    return made;
  };
  EXPECT_FALSE(push(queue, request(9, 1)));
  EXPECT_FALSE(push(queue, request(1, 2)));
  auto first = queue.take(0);
  auto second = queue.take(0);
  EXPECT_THAT(names(first.batch), ElementsAre(1)) << "not overtaken by the smaller one";
  second.batch.begin()->second.job.done(JobOutput());
  EXPECT_THAT(answered, IsEmpty());
  first.batch.begin()->second.job.done(JobOutput());
  EXPECT_THAT(answered, ElementsAre(1, 2));
}

TEST_F(JobQueueTest, BulkBatchesAreShortWhileSmallRequestsCome) {
  JobQueue queue(
      {.limits = {.max_cost = 1000, .interactive_cost = 100}, .short_batch_ns = 10 * kMs});
  const JobQueue::Engines engines{.cost_per_second = 20'000, .count = 1};
  const auto bulk = [&] {
    std::vector<Job> texts;
    for (int i = 0; i < 10; ++i) texts.push_back(job(50, 1));
    EXPECT_FALSE(queue.push(texts, {}, 0));
  };
  bulk();
  EXPECT_EQ(queue.take(0, engines).batch_cost, 500U);
  EXPECT_FALSE(push(queue, job(10, 2)));
  EXPECT_EQ(queue.take(0, engines).batch_cost, 10U);
  bulk();
  EXPECT_EQ(queue.take(500 * kMs, engines).batch_cost, 200U) << "10 ms of work";
  EXPECT_EQ(queue.take(1000 * kMs, engines).batch_cost, 300U) << "small ones stopped coming";
}

TEST_F(JobQueueTest, IdenticalWorkIsQueuedOnceAndAnsweredForAll) {
  JobQueue queue({});
  int answered = 0;
  const auto request = [&] {
    Job made = job(1, 7);
    made.done = Completion<JobOutput>([&](const Result<JobOutput>& r) { answered += r ? 1 : 0; });
    return made;
  };
  EXPECT_FALSE(push(queue, request()));
  EXPECT_FALSE(push(queue, request()));
  EXPECT_EQ(queue.cost(), 1U);
  auto pulled = queue.take(0);
  EXPECT_FALSE(push(queue, request())) << "joins what runs";
  EXPECT_TRUE(queue.take(0).empty());
  pulled.batch.begin()->second.job.done(JobOutput());
  EXPECT_EQ(answered, 3);
  EXPECT_EQ(queue.joins(), 2U);
}

TEST_F(JobQueueTest, TheTextsOfOneRequestJoinEachOther) {
  JobQueue queue({});
  std::vector<Job> same;
  for (int i = 0; i < 3; ++i) same.push_back(job(1, 7));
  EXPECT_FALSE(queue.push(same, {}, 0));
  EXPECT_EQ(queue.take(0).batch.size(), 1U);
}

TEST_F(JobQueueTest, AClientThatLeavesDoesNotEndTheWorkOfOthers) {
  JobQueue queue({});
  const auto gone = std::make_shared<std::atomic<bool>>(false);
  Job left = job(1, 7);
  left.gone = gone;
  EXPECT_FALSE(push(queue, std::move(left)));
  EXPECT_FALSE(push(queue, job(1, 7)));
  gone->store(true);
  EXPECT_THAT(names(queue.take(0).batch), ElementsAre(7));
}

TEST_F(JobQueueTest, WorkThatWasDroppedIsNotJoined) {
  JobQueue queue({});
  Job left = job(1, 7);
  left.gone = std::make_shared<std::atomic<bool>>(true);
  EXPECT_FALSE(push(queue, std::move(left)));
  const auto pulled = queue.take(0);
  EXPECT_THAT(names(pulled.unwanted), ElementsAre(7));
  EXPECT_FALSE(push(queue, job(1, 7)));
  EXPECT_THAT(names(queue.take(0).batch), ElementsAre(7));
}

TEST_F(JobQueueTest, AFullQueueStillAnswersWhatItComputesAnyway) {
  JobQueue queue({.max_queued_cost = 1});
  EXPECT_FALSE(push(queue, job(1, 7)));
  EXPECT_TRUE(push(queue, job(1, 8)));
  EXPECT_FALSE(push(queue, job(1, 7)));
}

TEST_F(JobQueueTest, GraphsAreJoinedOnlyWhereTheirAnswersMayBeShared) {
  const auto request = [&] {
    TensorWork work{.outputs = {"y"}};
    work.inputs.push_back({"x", Tensor::from<float>(DType::Fp32, {1}, std::vector<float>{1})});
    Job made = job(1, 1);
    made.work = std::move(work);
    return made;
  };
  JobQueue apart({});
  JobQueue shared({.join_tensors = true});
  for (int i = 0; i < 2; ++i) {
    EXPECT_FALSE(push(apart, request()));
    EXPECT_FALSE(push(shared, request()));
  }
  EXPECT_EQ(apart.cost(), 2U);
  EXPECT_EQ(shared.cost(), 1U);
}

}  // namespace
}  // namespace neso
