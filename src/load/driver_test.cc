// SPDX-License-Identifier: Apache-2.0
#include "load/driver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "load/manual_stage_fixture.h"

namespace neso::load {
namespace {

using testing::ElementsAre;

// 1 s of warm-up and 10 s that count.
constexpr StepTimes kTimes{kSecond, 11 * kSecond, 5 * kSecond};

// Works on one request at a time, for `service_ns` each, and not at all in [stall, stall_end).
std::function<ManualStage::Answer(int64_t)> single_server(int64_t service_ns, int64_t stall = 0,
                                                          int64_t stall_end = 0) {
  return [=, free_ns = int64_t{0}](int64_t now_ns) mutable {
    int64_t begin = std::max(now_ns, free_ns);
    if (begin >= stall && begin < stall_end) begin = stall_end;
    free_ns = begin + service_ns;
    return ManualStage::Answer{free_ns};
  };
}

struct Driven {
  Tally tally;
  bool done = false;
};

Driven run_closed(ManualStage& stage, size_t concurrency, const StepTimes& times = kTimes) {
  Driven run;
  ClosedDriver driver(stage, concurrency, times, RequestNumbers(8, 0), run.tally);
  driver.start([&] { run.done = true; });
  stage.run();
  return run;
}

Driven run_open(ManualStage& stage, double rate, size_t most_connections = 1000,
                const StepTimes& times = kTimes) {
  Driven run;
  OpenDriver driver(stage, {PoissonSchedule(rate, 0, 2), most_connections}, times,
                    RequestNumbers(8, 0), run.tally);
  driver.start([&] { run.done = true; });
  stage.run();
  return run;
}

TEST(ClosedDriver, KeepsItsNumberOfRequestsUnderWay) {
  ManualStage stage;
  stage.server = [](int64_t now_ns) { return ManualStage::Answer{now_ns + 10 * kMs}; };
  const Driven run = run_closed(stage, 4);
  EXPECT_TRUE(run.done);
  EXPECT_EQ(stage.most_under_way, 4U);
  EXPECT_EQ(run.tally.finished, 4U * 1000U);  // in 10 s; the warm-up's are left out
  EXPECT_EQ(run.tally.latency.max_ns(), 10 * kMs);
}

TEST(ClosedDriver, SendsTheRequestsInTurn) {
  ManualStage stage;
  stage.server = [](int64_t now_ns) { return ManualStage::Answer{now_ns + kSecond}; };
  run_closed(stage, 1);
  EXPECT_THAT(stage.numbers, ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2));
}

TEST(ClosedDriver, TriesAConnectionAgainOnlyAfterAPause) {
  ManualStage stage;
  stage.server = [](int64_t now_ns) {
    return ManualStage::Answer{now_ns, {.kind = OutcomeKind::Connect, .text = "refused"}};
  };
  const Driven run = run_closed(stage, 2);
  EXPECT_TRUE(run.done);
  EXPECT_EQ(run.tally.latency.count(), 0U);
  EXPECT_EQ(run.tally.error_count(), 2 * 10 * kSecond / ClosedDriver::kPauseNs);
}

TEST(ClosedDriver, EndsWhenAServerAnswersNoMore) {
  ManualStage stage;
  stage.server = [](int64_t) { return ManualStage::Answer{1000 * kSecond}; };
  const Driven run = run_closed(stage, 3);
  EXPECT_TRUE(run.done);
  EXPECT_EQ(stage.now_ns(), 15 * kSecond);
  EXPECT_EQ((run.tally.errors.at({OutcomeKind::Timeout, 0}).count), 6U);  // at 5 s and at 10 s
}

TEST(OpenDriver, SendsWhenRequestsAreDueWhateverTheServerDoes) {
  ManualStage stage;
  stage.server = [](int64_t now_ns) { return ManualStage::Answer{now_ns + kSecond}; };
  const Driven run = run_open(stage, 100);
  EXPECT_TRUE(run.done);
  EXPECT_NEAR(static_cast<double>(run.tally.requests()), 1000, 100);
  EXPECT_NEAR(static_cast<double>(run.tally.finished), 1000, 100);
  EXPECT_EQ(run.tally.latency.max_ns(), kSecond);
  EXPECT_GT(stage.most_under_way, 80U);
}

// A closed loop has one slow request per connection; an open one everything that was due meanwhile.
TEST(OpenDriver, ChargesAStallToEveryRequestThatWaitedForItsEnd) {
  const auto server = single_server(kMs, 3 * kSecond, 5 * kSecond);
  ManualStage closed;
  closed.server = server;
  EXPECT_LE(run_closed(closed, 1).tally.latency.quantile_ns(0.999), 2 * kMs);
  ManualStage open;
  open.server = server;
  const Driven run = run_open(open, 100);
  EXPECT_GT(run.tally.latency.quantile_ns(0.9), kSecond);
  EXPECT_NEAR(static_cast<double>(run.tally.latency.max_ns()), 2.0 * kSecond, 0.3 * kSecond);
}

TEST(OpenDriver, CountsTheTimeThatARequestWaitsForAConnection) {
  const auto server = single_server(kMs, 3 * kSecond, 5 * kSecond);
  ManualStage many, few;
  many.server = few.server = server;
  const Driven free = run_open(many, 100);
  const Driven narrow = run_open(few, 100, 1);
  EXPECT_EQ(few.most_under_way, 1U);
  EXPECT_EQ(narrow.tally.latency.count(), free.tally.latency.count());
  EXPECT_EQ(narrow.tally.latency.quantile_ns(0.95), free.tally.latency.quantile_ns(0.95));
}

TEST(OpenDriver, ARequestWhoseTimeIsOverBeforeItCouldBeSentIsATimeout) {
  ManualStage stage;
  stage.server = [](int64_t) { return ManualStage::Answer{1000 * kSecond}; };
  const Driven run = run_open(stage, 50, 2);
  EXPECT_TRUE(run.done);
  EXPECT_EQ(run.tally.latency.count(), 0U);
  EXPECT_LE(stage.now_ns(), 16 * kSecond);
  EXPECT_NEAR(static_cast<double>(run.tally.error_count()), 500, 80);
  EXPECT_EQ(run.tally.errors.size(), 1U);
}

TEST(OpenDriver, AnOverloadedServersThroughputIsWhatItAnsweredInTheMeasuredTime) {
  ManualStage stage;
  stage.server = single_server(20 * kMs);  // 50 a second
  StepTimes patient = kTimes;
  patient.timeout_ns = 1000 * kSecond;
  const Driven run = run_open(stage, 100, 1000, patient);
  EXPECT_NEAR(static_cast<double>(run.tally.finished), 500, 2);
  EXPECT_NEAR(static_cast<double>(run.tally.requests()), 1000, 100);
}

TEST(PoissonSchedule, GapsAreExponential) {
  PoissonSchedule schedule(1000, 7 * kSecond, 3);
  int64_t before = 7 * kSecond;
  double sum = 0;
  double squares = 0;
  size_t long_ones = 0;
  constexpr size_t kGaps = 100'000;
  for (size_t i = 0; i < kGaps; ++i, schedule.advance()) {
    const auto gap_ms = static_cast<double>(schedule.next_ns() - before) / kMs;
    ASSERT_GE(gap_ms, 0);
    before = schedule.next_ns();
    sum += gap_ms;
    squares += gap_ms * gap_ms;
    if (gap_ms > 1) ++long_ones;
  }
  EXPECT_NEAR(sum / kGaps, 1, 0.02);
  EXPECT_NEAR(squares / kGaps, 2, 0.08);  // the variance is the square of the mean
  EXPECT_NEAR(static_cast<double>(long_ones) / kGaps, 0.3679, 0.01);  // 1 / e
}

TEST(PoissonSchedule, TheSameSeedGivesTheSameTimes) {
  PoissonSchedule one(100, 0, 5), same(100, 0, 5), other(100, 0, 6);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(one.next_ns(), same.next_ns());
    EXPECT_NE(one.next_ns(), other.next_ns());
    one.advance();
    same.advance();
    other.advance();
  }
}

}  // namespace
}  // namespace neso::load
