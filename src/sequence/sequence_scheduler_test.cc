// SPDX-License-Identifier: Apache-2.0
// Sequences through engines: states that come back, order, refusals, clients that leave, shutdown.
// The engine of these tests keeps a running sum per sequence: y = IN + x, OUT = y.
#include "sequence/sequence_scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <latch>

#include "base/error.h"

namespace neso {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

struct SumScript {
  std::mutex mutex;
  std::vector<int64_t> rows;  // of each run
  std::latch* entered = nullptr;
  std::latch* gate = nullptr;
  std::latch* slow = nullptr;  // waited for by runs that start with kSlow
  static constexpr float kSlow = 77;
};

class SumEngine final : public Engine {
 public:
  explicit SumEngine(std::shared_ptr<SumScript> script) : script_(std::move(script)) {
    info_.can_run = true;
    info_.inputs = {{"x", DType::Fp32, {-1, 1}}, {"IN", DType::Fp32, {-1, 1}}};
    info_.outputs = {{"y", DType::Fp32, {-1, 1}}, {"OUT", DType::Fp32, {-1, 1}}};
  }
  const EngineInfo& info() const override { return info_; }
  Result<> encode(const TokenBatch&, const PoolingSpec&, std::span<float>) override { return {}; }
  Result<> encode_tokens(const TokenBatch&, std::span<float>) override { return {}; }

  Result<std::vector<NamedTensor>> run(std::span<const NamedTensor> inputs,
                                       std::span<const std::string> outputs) override {
    const auto find = [&](std::string_view name) {
      return std::ranges::find(inputs, name, &NamedTensor::name)->tensor;
    };
    const Tensor x = find("x");
    const Tensor in = find("IN");
    {
      std::lock_guard lock(script_->mutex);
      script_->rows.push_back(x.shape()[0]);
    }
    if (script_->entered != nullptr) script_->entered->count_down();
    if (script_->gate != nullptr) script_->gate->wait();
    if (x.as<float>()[0] == SumScript::kSlow) script_->slow->wait();
    std::vector<float> sums;
    for (size_t i = 0; i < x.as<float>().size(); ++i) {
      if (x.as<float>()[i] < 0) return invalid_argument("told to fail");
      sums.push_back(x.as<float>()[i] + in.as<float>()[i]);
    }
    std::vector<NamedTensor> answers;
    for (const std::string& name : outputs)
      answers.push_back({name, Tensor::from<float>(DType::Fp32, x.shape(), sums)});
    return answers;
  }

 private:
  std::shared_ptr<SumScript> script_;
  EngineInfo info_;
};

using Answer = std::future<Result<JobOutput>>;

class SequenceSchedulerTest : public ::testing::Test {
 protected:
  void start(SequenceLimits limits = {.slots = 4}, size_t count = 1,
             std::shared_ptr<AnswerOrder> order = nullptr) {
    ModelConfig config;
    config.name = "m";
    config.max_batch_size = 4;
    config.sequence_batching.emplace().states.push_back(
        {.input = "IN", .output = "OUT", .dtype = DType::Fp32, .dims = {1}});
    SumEngine engine(script_);
    auto tensors = SequenceTensors::make(config, engine.info(), "");
    ASSERT_TRUE(tensors) << tensors.error().message;
    std::vector<std::unique_ptr<Engine>> engines;
    for (size_t i = 0; i < count; ++i) engines.push_back(std::make_unique<SumEngine>(script_));
    auto scheduler =
        Scheduler::start(std::move(engines), {.queue = {.limits = {.max_rows = 4}}}, recorder_);
    ASSERT_TRUE(scheduler) << scheduler.error().message;
    auto started = SequenceScheduler::start(*std::move(tensors), std::move(limits),
                                            *std::move(scheduler), recorder_, std::move(order));
    ASSERT_TRUE(started) << started.error().message;
    sequences_ = *std::move(started);
  }

  struct Sent {
    std::optional<int64_t> deadline_ns = {};
    std::shared_ptr<const std::atomic<bool>> gone = {};
    size_t rows = 1;
  };
  Answer send(SequenceStep step, float x) { return send(std::move(step), x, {}); }
  Answer send(SequenceStep step, float x, const Sent& sent) {
    auto promise = std::make_shared<std::promise<Result<JobOutput>>>();
    Answer answer = promise->get_future();
    TensorWork work{.outputs = {"y"}, .rows = sent.rows, .joinable = true};
    work.inputs.push_back({"x", Tensor::from<float>(DType::Fp32, {1, 1}, std::vector<float>{x})});
    Job job{.work = std::move(work),
            .scope = std::make_shared<RequestScope>(recorder_),
            .deadline_ns = sent.deadline_ns,
            .gone = sent.gone,
            .done = {}};
    // A second call of the completion would throw here.
    job.done = Completion<JobOutput>(
        [promise](Result<JobOutput> result) { promise->set_value(std::move(result)); });
    sequences_->submit(std::move(job), std::move(step));
    return answer;
  }
  static float value(Answer answer) {
    auto result = answer.get();
    if (!result) {
      ADD_FAILURE() << result.error().message;
      return -1;
    }
    const auto& outputs = std::get<std::vector<NamedTensor>>(*result);
    EXPECT_THAT(outputs, SizeIs(1)) << "the state is not answered";
    return outputs.front().tensor.as<float>()[0];
  }
  static std::string refusal(Answer answer) {
    auto result = answer.get();
    return result ? "answered" : result.error().message;
  }

  std::shared_ptr<SumScript> script_ = std::make_shared<SumScript>();
  MetricRegistry metrics_;
  ManualClock clock_;
  std::shared_ptr<StatisticsRecorder> recorder_ =
      std::make_shared<StatisticsRecorder>("m", 1, ModelMetricOptions{}, metrics_, clock_);
  std::unique_ptr<SequenceScheduler> sequences_;
};

SequenceStep first(uint64_t id) {
  return {.id = id, .start = true};
}
SequenceStep next(uint64_t id) {
  return {.id = id};
}
SequenceStep last(uint64_t id) {
  return {.id = id, .end = true};
}

TEST_F(SequenceSchedulerTest, AStateComesBackInTheNextRequestOfItsSequenceOnly) {
  start();
  EXPECT_EQ(value(send(first(1), 5)), 5);
  EXPECT_EQ(value(send(first(2), 100)), 100);
  EXPECT_EQ(value(send(next(1), 6)), 11);
  EXPECT_EQ(value(send(next(2), 1)), 101);
  EXPECT_EQ(value(send(last(1), 7)), 18);
  EXPECT_EQ(value(send(first(1), 1)), 1);
  EXPECT_EQ(recorder_->snapshot().execution_count, 6U);
}

TEST_F(SequenceSchedulerTest, RequestsSentAtOnceRunInTheirOrder) {
  start();
  std::vector<Answer> answers;
  answers.push_back(send(first(1), 0));
  for (int i = 1; i <= 20; ++i) answers.push_back(send(next(1), static_cast<float>(i)));
  float sum = 0;
  for (int i = 0; i <= 20; ++i) {
    sum += static_cast<float>(i);
    EXPECT_EQ(value(std::move(answers[static_cast<size_t>(i)])), sum);
  }
}

TEST_F(SequenceSchedulerTest, ASecondStartForgetsTheState) {
  start();
  EXPECT_EQ(value(send(first(1), 5)), 5);
  EXPECT_EQ(value(send(first(1), 2)), 2);
  EXPECT_EQ(value(send(next(1), 2)), 4);
}

TEST_F(SequenceSchedulerTest, AFailedRequestLeavesTheStateAsItWas) {
  start();
  EXPECT_EQ(value(send(first(1), 5)), 5);
  EXPECT_EQ(refusal(send(next(1), -1)), "told to fail");
  EXPECT_EQ(value(send(next(1), 1)), 6);
}

TEST_F(SequenceSchedulerTest, DifferentSequencesShareARun) {
  std::latch entered(1);
  std::latch gate(1);
  script_->entered = &entered;
  script_->gate = &gate;
  start();
  Answer busy = send({.id = uint64_t{9}, .start = true, .end = true}, 0);
  entered.wait();
  script_->entered = nullptr;  // the engine is at the gate
  std::vector<Answer> answers;
  for (uint64_t id = 1; id <= 3; ++id) answers.push_back(send(first(id), static_cast<float>(id)));
  gate.count_down();
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(value(std::move(answers[i])), static_cast<float>(i + 1));
  EXPECT_EQ(value(std::move(busy)), 0);
  EXPECT_THAT(script_->rows, ElementsAre(1, 3));
}

TEST_F(SequenceSchedulerTest, AnswersLeaveInTheOrderOfTheirTurnsWhereThatIsAskedFor) {
  std::latch entered(1);
  std::latch others(2);
  std::latch slow(1);
  script_->entered = &entered;
  script_->slow = &slow;
  start({.slots = 4}, 2, std::make_shared<AnswerOrder>());
  Answer before = send(first(1), SumScript::kSlow);
  entered.wait();
  script_->entered = &others;
  Answer answer = send(first(2), 1);
  Answer next_answer = send(next(2), 2);
  others.wait();  // the second one has its turn: the first one's is over, its answer was given
  EXPECT_EQ(answer.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  slow.count_down();
  EXPECT_EQ(value(std::move(before)), SumScript::kSlow);
  EXPECT_EQ(value(std::move(answer)), 1);
  EXPECT_EQ(value(std::move(next_answer)), 3);
}

TEST_F(SequenceSchedulerTest, WhoWaitsForASlotHoldsUpNoAnswerOfThoseWhoHaveOne) {
  start({.slots = 1}, 1, std::make_shared<AnswerOrder>());
  EXPECT_EQ(value(send(first(1), 1)), 1);
  Answer backlog = send(first(2), 5);
  EXPECT_EQ(value(send(next(1), 1)), 2);
  EXPECT_EQ(value(send(last(1), 1)), 3);
  EXPECT_EQ(value(std::move(backlog)), 5);
}

TEST_F(SequenceSchedulerTest, RefusesInTritonsWords) {
  start();
  EXPECT_EQ(refusal(send(next(61), 1)),
            "inference request for sequence 61 to model 'm' must specify the START flag on the "
            "first request of the sequence");
  EXPECT_EQ(refusal(send({.id = std::string("s")}, 1)),
            "inference request for sequence s to model 'm' must specify the START flag on the "
            "first request of the sequence");
  for (const CorrelationId& id : {CorrelationId(uint64_t{0}), CorrelationId(std::string())}) {
    EXPECT_EQ(refusal(send({.id = id, .start = true}, 1)),
              "inference request to model 'm' must specify a non-zero or non-empty correlation ID");
  }
  EXPECT_EQ(refusal(send(first(1), 1, {.rows = 2})),
            "inference request to model 'm' must specify batch-size 1 due to requirements of "
            "sequence batcher");
  EXPECT_EQ(recorder_->snapshot().fail.count, 0U) << "refusals count nowhere";
}

TEST_F(SequenceSchedulerTest, AnIdleSequenceIsOver) {
  start({.slots = 4, .max_idle_ns = 1'000'000'000'000});
  EXPECT_EQ(value(send(first(1), 1)), 1);
  EXPECT_EQ(value(send(first(2), 1)), 1);  // the engine's thread has left the first one
  clock_.advance_ns(1'000'000'000'000);
  EXPECT_THAT(refusal(send(next(1), 1)), ::testing::HasSubstr("START flag"));
}

TEST_F(SequenceSchedulerTest, ASequenceThatWaitsTooLongForASlotFails) {
  start({.slots = 1});
  EXPECT_EQ(value(send(first(1), 1)), 1);
  Answer waiting = send(first(2), 1, {.deadline_ns = clock_.now_ns() + 10});
  clock_.advance_ns(10);
  EXPECT_EQ(value(send(next(1), 1)), 2);
  EXPECT_EQ(refusal(std::move(waiting)), "timeout of the corresponding sequence has been expired");
}

TEST_F(SequenceSchedulerTest, ASequenceWhoseClientLeavesEnds) {
  std::latch entered(1);
  std::latch gate(1);
  script_->entered = &entered;
  script_->gate = &gate;
  start();
  Answer busy = send(first(9), 0);
  entered.wait();
  script_->entered = nullptr;
  const auto gone = std::make_shared<std::atomic<bool>>(false);
  Answer left = send(first(1), 1, {.gone = gone});
  Answer behind = send(next(1), 1);
  *gone = true;
  gate.count_down();
  EXPECT_THAT(refusal(std::move(left)), ::testing::HasSubstr("client went away"));
  EXPECT_THAT(refusal(std::move(behind)), ::testing::HasSubstr("the sequence ended early"));
  value(std::move(busy));
  EXPECT_THAT(refusal(send(next(1), 1)), ::testing::HasSubstr("START flag"));
}

TEST_F(SequenceSchedulerTest, StoppedItRunsWhatItHasAndRefusesTheRest) {
  std::latch entered(1);
  std::latch gate(1);
  script_->entered = &entered;
  script_->gate = &gate;
  start({.slots = 1});
  Answer running = send(first(1), 1);
  entered.wait();
  script_->entered = nullptr;
  Answer backlog = send(first(2), 2);
  std::thread stopper([this] { sequences_->stop(); });
  gate.count_down();
  EXPECT_EQ(value(std::move(running)), 1);
  EXPECT_EQ(value(std::move(backlog)), 2);
  stopper.join();
  EXPECT_EQ(refusal(send(first(3), 1)),
            "Server is stopping, scheduler for model has stopped accepting new inference requests");
}

}  // namespace
}  // namespace neso
