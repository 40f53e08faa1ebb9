// SPDX-License-Identifier: Apache-2.0
// The scheduler's threads against a scripted engine: batching while it is busy, isolation of
// failures, shutdown. Everything waits on latches; nothing sleeps.
#include "scheduling/scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "base/affinity.h"
#include "scheduling/test_engine.h"

namespace neso {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// The answer to one job.
using Answer = std::future<Result<JobOutput>>;

class SchedulerTest : public ::testing::Test {
 protected:
  void start(SchedulerOptions options = {}, size_t engines = 1) {
    std::vector<std::unique_ptr<Engine>> all;
    for (size_t i = 0; i < engines; ++i) all.push_back(std::make_unique<TestEngine>(script_));
    auto started = Scheduler::start(std::move(all), options, recorder_);
    ASSERT_TRUE(started) << started.error().message;
    scheduler_ = std::move(started).value();
  }

  Job job(JobWork work, Answer& answer, std::shared_ptr<RequestScope> scope = nullptr) {
    auto promise = std::make_shared<std::promise<Result<JobOutput>>>();
    answer = promise->get_future();
    Job made{.work = std::move(work),
             .scope = std::move(scope),
             .deadline_ns = {},
             .gone = {},
             .done = {}};
    if (!made.scope) made.scope = std::make_shared<RequestScope>(recorder_);
    // A second call of the completion would throw here.
    made.done = Completion<JobOutput>(
        [promise](Result<JobOutput> result) { promise->set_value(std::move(result)); });
    return made;
  }

  Answer submit(std::vector<int32_t> ids, Scheduler::On on = Scheduler::On::EnginesThread) {
    Answer answer;
    std::vector<Job> jobs;
    jobs.push_back(job(SequenceWork{.ids = std::move(ids)}, answer));
    scheduler_->submit(std::move(jobs), on);
    return answer;
  }

  // On the manual clock a run takes the time that `during` lets pass.
  void run_often() {
    for (int i = 0; i < 20; ++i) submit({1}).wait();
  }
  // Submits until one runs on this thread: an engine's thread says that it is free some time after
  // it has answered. `during` is called in that run.
  void run_on_this_thread(const std::function<void()>& during) {
    const auto here = std::this_thread::get_id();
    bool ran = false;
    script_->during = [&] {
      if (std::this_thread::get_id() != here || std::exchange(ran, true)) return;
      during();
    };
    while (!ran) {
      Answer answer = submit({1, 2}, Scheduler::On::Borrowed);
      EXPECT_TRUE(!ran || is_there(answer));
      EXPECT_THAT(vector_of(std::move(answer)), ElementsAre(3, 2, 1, 0));
    }
  }
  static bool is_there(const Answer& answer) {
    return answer.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  }
  int count_runs_on_this_thread(Scheduler::On on, int64_t each_takes_ns) {
    int runs = 0;
    script_->during = [&, each_takes_ns, here = std::this_thread::get_id()] {
      clock_.advance_ns(each_takes_ns);
      if (std::this_thread::get_id() == here) ++runs;
    };
    for (int i = 0; i < 100; ++i) submit({1}, on).wait();
    scheduler_->stop();
    return runs;
  }

  Answer submit_tensor(Shape shape, std::vector<float> values) {
    TensorWork work{.outputs = {"y"}, .rows = static_cast<size_t>(shape[0]), .joinable = true};
    work.inputs.push_back({"x", Tensor::from<float>(DType::Fp32, std::move(shape), values)});
    Answer answer;
    std::vector<Job> jobs;
    jobs.push_back(job(std::move(work), answer));
    scheduler_->submit(std::move(jobs));
    return answer;
  }

  // Submits one job and returns when the engine is inside its call, from where open() lets it go.
  Answer occupy() {
    script_->entered = &entered_;
    script_->gate = &gate_;
    Answer answer = submit({1});
    entered_.wait();
    script_->entered = nullptr;
    return answer;
  }
  void open() { gate_.count_down(); }

  static std::vector<float> vector_of(Answer answer) {
    auto result = answer.get();
    EXPECT_TRUE(result) << result.error().message;
    return result ? std::get<std::vector<float>>(*result) : std::vector<float>();
  }
  static Error error_of(Answer answer) {
    auto result = answer.get();
    EXPECT_FALSE(result);
    return result ? Error{} : result.error();
  }

  ManualClock clock_;
  MetricRegistry metrics_;
  std::shared_ptr<StatisticsRecorder> recorder_ =
      std::make_shared<StatisticsRecorder>("m", 1, ModelMetricOptions{}, metrics_, clock_);
  std::shared_ptr<TestEngineScript> script_ = std::make_shared<TestEngineScript>();
  std::latch entered_{1};
  std::latch gate_{1};
  std::unique_ptr<Scheduler> scheduler_;
};

TEST_F(SchedulerTest, AnEngineWithCoresRunsThereAndIsNotLent) {
  const std::vector<int> cores = {allowed_cores().back()};
  start({.cores = {cores}});
  std::vector<int> ran_on;
  script_->during = [&] { ran_on = allowed_cores(); };
  run_often();
  submit({1}, Scheduler::On::Borrowed).wait();
  EXPECT_EQ(ran_on, cores);
}

TEST_F(SchedulerTest, AnswersAJob) {
  start();
  EXPECT_THAT(vector_of(submit({5, 6, 7})), ElementsAre(18, 3, 3, 0));
  EXPECT_EQ(recorder_->snapshot().execution_count, 1U);
  EXPECT_THAT(metrics_.text(), HasSubstr("neso_tokens_total{model=\"m\",version=\"1\"} 3"));
}

TEST_F(SchedulerTest, BatchesWhatArrivesWhileTheEngineIsBusy) {
  start();
  Answer first = occupy();
  Answer a = submit({2, 3});
  Answer b = submit({4});
  open();
  EXPECT_THAT(vector_of(std::move(first)), ElementsAre(1, 1, 0, 0));
  EXPECT_THAT(vector_of(std::move(a)), ElementsAre(5, 2, 1, 0));
  EXPECT_THAT(vector_of(std::move(b)), ElementsAre(4, 1, 0, 0));
  EXPECT_THAT(script_->batches, ElementsAre(1, 2));
}

TEST_F(SchedulerTest, RunsTensorRequestsOfOneShapeTogetherAndOthersApart) {
  start();
  Answer first = occupy();
  Answer a = submit_tensor({1, 2}, {1, 2});
  Answer other = submit_tensor({1, 3}, {7, 8, 9});
  Answer b = submit_tensor({2, 2}, {3, 4, 5, 6});
  open();
  const auto y = [](Answer answer) {
    auto result = answer.get();
    const Tensor& tensor = std::get<std::vector<NamedTensor>>(*result)[0].tensor;
    return std::vector<float>(tensor.as<float>().begin(), tensor.as<float>().end());
  };
  EXPECT_THAT(y(std::move(a)), ElementsAre(2, 4));
  EXPECT_THAT(y(std::move(b)), ElementsAre(6, 8, 10, 12));
  EXPECT_THAT(y(std::move(other)), ElementsAre(14, 16, 18));
  first.wait();
  EXPECT_THAT(script_->batches, ElementsAre(1, 3, 1));
}

TEST_F(SchedulerTest, UsesEveryEngineAtOnce) {
  std::latch both(2);
  script_->entered = &both;
  script_->gate = &both;  // each call waits until the other one is running too
  start({.queue = {.limits = {.max_cost = 1}}}, 2);
  Answer a = submit({1});
  Answer b = submit({2});
  EXPECT_THAT(vector_of(std::move(a)), ElementsAre(1, 1, 0, 0));
  EXPECT_THAT(vector_of(std::move(b)), ElementsAre(2, 1, 0, 0));
}

TEST_F(SchedulerTest, LimitsTheRowsOfAnEngineThatPads) {
  start({.queue = {.limits = {.max_rows = 1}, .engine_pads = true}});
  Answer first = occupy();
  Answer a = submit({4});
  Answer b = submit({5});
  open();
  for (Answer* answer : {&first, &a, &b}) answer->wait();
  EXPECT_THAT(script_->batches, ElementsAre(1, 1, 1));
}

TEST_F(SchedulerTest, LimitsNoRowsOfAnEngineThatPacks) {
  start({.queue = {.limits = {.max_rows = 1}}});
  Answer first = occupy();
  Answer a = submit({4});
  Answer b = submit({5});
  open();
  for (Answer* answer : {&first, &a, &b}) answer->wait();
  EXPECT_THAT(script_->batches, ElementsAre(1, 2));
}

TEST_F(SchedulerTest, FailsARowThatIsNotFiniteAlone) {
  start();
  Answer first = occupy();
  Answer bad = submit({TestEngineScript::kNan});
  Answer good = submit({4});
  open();
  first.wait();
  EXPECT_EQ(error_of(std::move(bad)).code, ErrorCode::Internal);
  EXPECT_THAT(vector_of(std::move(good)), ElementsAre(4, 1, 0, 0));
  EXPECT_THAT(script_->batches, ElementsAre(1, 2)) << "one batch, not retried";
}

TEST_F(SchedulerTest, FailsTheOneInputThatAnEngineRefusesAlone) {
  start();
  Answer first = occupy();
  Answer bad = submit({TestEngineScript::kFail});
  Answer good = submit({4});
  open();
  first.wait();
  EXPECT_THAT(error_of(std::move(bad)).message, HasSubstr("told to fail"));
  EXPECT_THAT(vector_of(std::move(good)), ElementsAre(4, 1, 0, 0));
}

TEST_F(SchedulerTest, TurnsAnExceptionIntoInternalAndServesOn) {
  start();
  const Error error = error_of(submit({TestEngineScript::kThrow}));
  EXPECT_EQ(error.code, ErrorCode::Internal);
  EXPECT_THAT(error.message, HasSubstr("told to throw"));
  EXPECT_THAT(vector_of(submit({4})), ElementsAre(4, 1, 0, 0));
}

TEST_F(SchedulerTest, ExpiresWhatWaitedTooLong) {
  start();
  Answer first = occupy();
  Answer late;
  std::vector<Job> jobs;
  jobs.push_back(job(SequenceWork{.ids = {2}}, late));
  jobs[0].deadline_ns = clock_.now_ns() + 1000;
  scheduler_->submit(std::move(jobs));
  clock_.advance_ns(1000);
  open();
  first.wait();
  const Error error = error_of(std::move(late));
  EXPECT_EQ(error.code, ErrorCode::DeadlineExceeded);
  EXPECT_EQ(error.message, "Request timeout expired");
  scheduler_->stop();
  EXPECT_THAT(script_->batches, ElementsAre(1));
}

TEST_F(SchedulerTest, AnswersWhatWaitedTooLongWhileItsEngineIsBusy) {
  auto watch = DeadlineWatch::start(clock_);
  ASSERT_TRUE(watch) << watch.error().message;
  start({.deadlines = watch->get()});
  Answer first = occupy();
  Answer late[3];
  for (int i = 2; i >= 0; --i) {
    std::vector<Job> jobs;
    jobs.push_back(job(SequenceWork{.ids = {i + 2}}, late[i]));
    jobs[0].deadline_ns = clock_.now_ns() + 1000 * (i + 1);
    scheduler_->submit(std::move(jobs));
  }
  Answer patient = submit({9});
  for (Answer& answer : late) {
    clock_.advance_ns(1000);
    EXPECT_EQ(error_of(std::move(answer)).message, "Request timeout expired");
  }
  EXPECT_EQ(first.wait_for(std::chrono::seconds(0)), std::future_status::timeout)
      << "the engine is at the gate all the time";
  open();
  EXPECT_THAT(vector_of(std::move(patient)), ElementsAre(9, 1, 0, 0));
  EXPECT_TRUE(first.get());
  scheduler_->stop();
  EXPECT_THAT(script_->batches, ElementsAre(1, 1));
}

TEST_F(SchedulerTest, AnswersOnceWhatExpiresWhileItIsPulled) {
  auto watch = DeadlineWatch::start(clock_);
  ASSERT_TRUE(watch) << watch.error().message;
  start({.queue = {.limits = {.max_cost = 1}}, .deadlines = watch->get()}, 2);
  std::vector<Answer> answers(500);
  for (size_t i = 0; i < answers.size(); ++i) {
    std::vector<Job> jobs;
    jobs.push_back(job(SequenceWork{.ids = {static_cast<int32_t>(i % 80)}}, answers[i]));
    jobs[0].deadline_ns = clock_.now_ns() + 10;
    scheduler_->submit(std::move(jobs));
    clock_.advance_ns(3);
  }
  clock_.advance_ns(10);
  for (Answer& answer : answers) {
    const auto result = answer.get();  // a second answer would throw
    EXPECT_TRUE(result || result.error().code == ErrorCode::DeadlineExceeded);
  }
}

TEST_F(SchedulerTest, DoesNotRunForAClientThatLeft) {
  start();
  Answer first = occupy();
  const auto gone = std::make_shared<std::atomic<bool>>(false);
  Answer left;
  std::vector<Job> jobs;
  jobs.push_back(job(SequenceWork{.ids = {2}}, left));
  jobs[0].gone = gone;
  scheduler_->submit(std::move(jobs));
  gone->store(true);
  open();
  first.wait();
  EXPECT_EQ(error_of(std::move(left)).code, ErrorCode::Cancelled);
  scheduler_->stop();
  EXPECT_THAT(script_->batches, ElementsAre(1));
}

TEST_F(SchedulerTest, RefusesARequestThatDoesNotFitIntoTheQueueAsAWhole) {
  start({.queue = {.max_queued_cost = 4}});
  Answer first = occupy();
  Answer fits = submit({1, 2, 3});
  Answer a;
  Answer b;
  const auto scope = std::make_shared<RequestScope>(recorder_);
  std::vector<Job> jobs;
  jobs.push_back(job(SequenceWork{.ids = {4}}, a, scope));
  jobs.push_back(job(SequenceWork{.ids = {5}}, b, scope));
  scheduler_->submit(std::move(jobs));
  const Error error = error_of(std::move(a));
  EXPECT_EQ(error.code, ErrorCode::Overloaded);
  EXPECT_EQ(error.message, "Exceeds maximum queue size");
  EXPECT_EQ(error_of(std::move(b)).code, ErrorCode::Overloaded);
  EXPECT_EQ(recorder_->snapshot().fail.count, 0U) << "a refusal counts nowhere";
  open();
  first.wait();
  EXPECT_THAT(vector_of(std::move(fits)), ElementsAre(6, 3, 3, 0));
}

TEST_F(SchedulerTest, ShowsWhatWaitsAndCountsWhatItDoesNotLetIn) {
  const auto queue = std::make_shared<const QueueMetrics>(MetricLabels{}, metrics_);
  start({.queue = {.max_queued_cost = 4}, .metrics = queue});
  Answer first = occupy();
  Answer waiting = submit({2, 3});
  EXPECT_THAT(metrics_.text(), HasSubstr("neso_queue_works{lane=\"interactive\"} 1\n"));
  EXPECT_THAT(metrics_.text(), HasSubstr("neso_queue_tokens{lane=\"interactive\"} 2\n"));
  error_of(submit({4, 5, 6}));
  error_of(submit({1, 2, 3, 4, 5}));
  open();
  first.wait();
  waiting.wait();
  scheduler_->stop();
  error_of(submit({1}));
  for (const char* reason : {"queue_full", "too_large", "stopping"})
    EXPECT_THAT(metrics_.text(), HasSubstr("reason=\"" + std::string(reason) + "\"} 1\n"));
  EXPECT_THAT(metrics_.text(), HasSubstr("neso_queue_works{lane=\"interactive\"} 0\n"));
}

TEST_F(SchedulerTest, RefusesForGoodWhatCanNeverFit) {
  start({.queue = {.max_queued_cost = 4}});
  EXPECT_EQ(error_of(submit({1, 2, 3, 4, 5})).code, ErrorCode::TooLarge);
}

TEST_F(SchedulerTest, FinishesWhatWaitsWhenStoppedAndRefusesWhatComesLater) {
  start();
  Answer first = occupy();
  Answer waiting = submit({2, 3});
  std::thread stopper([this] { scheduler_->stop(); });
  // Stopping takes effect before the engine is let go: then a submission is refused.
  Error refusal;
  while (refusal.code != ErrorCode::NotReady) {
    Answer late = submit({4});
    if (late.wait_for(std::chrono::seconds(0)) == std::future_status::ready)
      refusal = error_of(std::move(late));
  }
  EXPECT_THAT(refusal.message, HasSubstr("Server is stopping"));
  open();
  stopper.join();
  EXPECT_THAT(vector_of(std::move(first)), ElementsAre(1, 1, 0, 0));
  EXPECT_THAT(vector_of(std::move(waiting)), ElementsAre(5, 2, 1, 0));
}

TEST_F(SchedulerTest, WhoSubmitsRunsShortWorkOnAFreeEngine) {
  start();
  run_often();
  int runs = 0;
  run_on_this_thread([&] { ++runs; });
  EXPECT_EQ(runs, 1);
  scheduler_->stop();
}

TEST_F(SchedulerTest, NobodyBorrowsAnEngineUnasked) {
  start();
  run_often();
  EXPECT_EQ(count_runs_on_this_thread(Scheduler::On::EnginesThread, 0), 0);
}

TEST_F(SchedulerTest, LongRunsStayOnTheEnginesThread) {
  start();
  EXPECT_EQ(count_runs_on_this_thread(Scheduler::On::Borrowed, 1'000'000), 0);
}

TEST_F(SchedulerTest, WhatComesWhileAnEngineIsOnLoanIsAnswered) {
  start({.queue = {.limits = {.max_rows = 1}, .engine_pads = true}});  // each alone
  run_often();
  std::vector<Answer> answers;
  run_on_this_thread([&] {
    for (int32_t i = 0; i < 20; ++i) answers.push_back(submit({i}));
  });
  ASSERT_EQ(answers.size(), 20U);
  for (size_t i = 0; i < answers.size(); ++i)
    EXPECT_THAT(vector_of(std::move(answers[i])), ElementsAre(i, 1, 0, 0));
  scheduler_->stop();
}

TEST_F(SchedulerTest, StopsAfterAnEngineOnLoanIsBack) {
  start();
  run_often();
  std::thread stopper;
  run_on_this_thread([&] {
    stopper = std::thread([this] { scheduler_->stop(); });
    // Stopping has begun when a submission is refused.
    while (!is_there(submit({1}, Scheduler::On::EnginesThread))) std::this_thread::yield();
  });
  stopper.join();
  EXPECT_EQ(error_of(submit({1})).code, ErrorCode::NotReady);
}

TEST_F(SchedulerTest, CompletesEveryJobExactlyOnceUnderLoadFromManyThreads) {
  start({.queue = {.limits = {.max_cost = 20}}}, 2);
  constexpr int kThreads = 4;
  constexpr int kEach = 200;
  std::vector<std::vector<Answer>> answers(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([this, t, &answers] {
      for (int i = 0; i < kEach; ++i)
        answers[static_cast<size_t>(t)].push_back(submit(
            {i % 80, t}, t % 2 == 0 ? Scheduler::On::Borrowed : Scheduler::On::EnginesThread));
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int t = 0; t < kThreads; ++t) {
    for (int i = 0; i < kEach; ++i) {
      const auto row =
          vector_of(std::move(answers[static_cast<size_t>(t)][static_cast<size_t>(i)]));
      ASSERT_THAT(row, ElementsAre(static_cast<float>(i % 80 + t), 2, 1, 0));
    }
  }
}

TEST(Job, GroupsSequencesByLengthOnlyForEnginesThatPad) {
  const JobWork brief = SequenceWork{.ids = {1, 2}};
  const JobWork longer = SequenceWork{.ids = std::vector<int32_t>(100, 1)};
  EXPECT_EQ(job_group(brief, false), job_group(longer, false));
  EXPECT_THAT(job_group(brief, true), Not(job_group(longer, true)));
  EXPECT_THAT(job_group(brief, false),
              Not(job_group(SequenceWork{.ids = {1}, .token_states = true}, false)));
}

TEST(Job, CostsThePlacesThatAnEngineWhichPadsGivesIt) {
  const SequenceWork gaps{.ids = {1, 2, 3}, .positions = {0, 4, 9}};
  EXPECT_EQ(job_cost(gaps, false), 3U);
  EXPECT_EQ(job_cost(gaps, true), 10U);
  const SequenceWork ten{.ids = std::vector<int32_t>(10, 1)};
  EXPECT_EQ(job_group(gaps, true), job_group(ten, true));
  EXPECT_EQ(job_cost(ten, true), 10U);
}

TEST(Job, HoldsItsInputAndWhatAnEncoderAnswers) {
  const SequenceWork vector{.ids = {1, 2, 3}, .type_ids = {0, 0, 1}};
  EXPECT_EQ(job_memory(vector, 8), 6 * 4 + 8 * 4U);
  const SequenceWork states{.ids = {1, 2, 3}, .token_states = true};
  EXPECT_EQ(job_memory(states, 8), 3 * 4 + 3 * 8 * 4U);
}

TEST(Job, JoinsTheResultsInOrder) {
  std::vector<Result<JobOutput>> joined;
  auto completions = join_completions(
      2, [&](std::vector<Result<JobOutput>> results) { joined = std::move(results); });
  completions[1](JobOutput(std::vector<float>{2}));
  EXPECT_TRUE(joined.empty());
  completions.erase(completions.begin());  // dropped: Overloaded
  ASSERT_EQ(joined.size(), 2U);
  EXPECT_EQ(joined[0].error().code, ErrorCode::Overloaded);
  EXPECT_THAT(std::get<std::vector<float>>(*joined[1]), ElementsAre(2));
}

}  // namespace
}  // namespace neso
