// SPDX-License-Identifier: Apache-2.0
// Counting: what a request adds and when, in statistics and in metrics.
#include "scheduling/statistics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace neso {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class StatisticsTest : public ::testing::Test {
 protected:
  ManualClock clock_;
  MetricRegistry metrics_;
  std::shared_ptr<StatisticsRecorder> recorder_ = std::make_shared<StatisticsRecorder>(
      "bert", 1, ModelMetricOptions{.tags = {{"team", "x"}}}, metrics_, clock_);

  // An execution that starts now and takes 1, 2 and 3 microseconds.
  Execution execute(uint64_t id, size_t rows) {
    Execution e{.id = id, .rows = rows, .start_ns = clock_.now_ns()};
    e.input_end_ns = e.start_ns + 1000;
    e.output_start_ns = e.start_ns + 3000;
    e.end_ns = e.start_ns + 6000;
    clock_.advance_ns(6000);
    return e;
  }
};

TEST_F(StatisticsTest, ShowsEveryFamilyAtZeroFromTheStart) {
  const std::string text = metrics_.text();
  for (const char* line :
       {"nv_inference_request_success{_team=\"x\",model=\"bert\",version=\"1\"} 0",
        "nv_inference_request_failure{_team=\"x\",model=\"bert\",reason=\"REJECTED\",version=\"1\"}"
        " 0",
        "nv_inference_pending_request_count{_team=\"x\",model=\"bert\",version=\"1\"} 0",
        "neso_truncated_texts_total{_team=\"x\",model=\"bert\",version=\"1\"} 0"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST_F(StatisticsTest, LosesItsSeriesWithTheModel) {
  recorder_->count_failure(FailureReason::Backend, 1000);
  recorder_.reset();
  // But the failures, as in Triton: they are read after the model has gone.
  EXPECT_THAT(metrics_.text(), HasSubstr("reason=\"BACKEND\",version=\"1\"} 1\n"));
  EXPECT_THAT(metrics_.text(), Not(HasSubstr("nv_inference_request_success")));
  EXPECT_THAT(metrics_.text(), Not(HasSubstr("neso_")));
}

TEST_F(StatisticsTest, CountsASuccessWithItsDurations) {
  RequestScope scope(recorder_);
  clock_.advance_ns(500);
  scope.queued();
  EXPECT_THAT(
      metrics_.text(),
      HasSubstr("nv_inference_pending_request_count{_team=\"x\",model=\"bert\",version=\"1\"} 1"));
  clock_.advance_ns(2500);
  scope.left_queue(clock_.now_ns());
  EXPECT_THAT(
      metrics_.text(),
      HasSubstr("nv_inference_pending_request_count{_team=\"x\",model=\"bert\",version=\"1\"} 0"));
  const Execution execution = execute(1, 3);
  recorder_->count_execution(execution);
  scope.ran(execution);
  scope.ran(execution);  // a second row of the same batch
  scope.succeed(3);

  const ModelStatistics s = recorder_->snapshot();
  EXPECT_EQ(s.success.count, 1U);
  EXPECT_EQ(s.success.ns, 9000U);
  EXPECT_EQ(s.queue.ns, 2500U);
  EXPECT_EQ(s.compute_input.ns, 1000U);
  EXPECT_EQ(s.compute_infer.ns, 2000U);
  EXPECT_EQ(s.compute_output.ns, 3000U);
  EXPECT_EQ(s.inference_count, 3U);
  EXPECT_EQ(s.execution_count, 1U);
  EXPECT_GT(s.last_inference_ms, 0U);
  ASSERT_EQ(s.batches.size(), 1U);
  EXPECT_EQ(s.batches[0].batch_size, 3U);
  EXPECT_EQ(s.batches[0].compute_infer.ns, 2000U);
  EXPECT_THAT(
      metrics_.text(),
      HasSubstr("nv_inference_queue_duration_us{_team=\"x\",model=\"bert\",version=\"1\"} 2\n"));
}

TEST_F(StatisticsTest, AddsTheSpansOfAllBatchesOfARequest) {
  RequestScope scope(recorder_);
  scope.queued();
  scope.left_queue(clock_.now_ns());
  scope.ran(execute(1, 2));
  scope.ran(execute(2, 2));
  scope.succeed(4);
  EXPECT_EQ(recorder_->snapshot().compute_infer.ns, 4000U);
  EXPECT_EQ(recorder_->snapshot().compute_infer.count, 1U);
}

TEST_F(StatisticsTest, CountsNothingForARequestThatWasNeverQueued) {
  {
    RequestScope refused(recorder_);
  }
  RequestScope scope(recorder_);
  scope.fail(FailureReason::Backend);
  EXPECT_EQ(recorder_->snapshot().fail.count, 0U);
}

TEST_F(StatisticsTest, CountsAForgottenRequestAsAFailureOnce) {
  {
    RequestScope scope(recorder_);
    scope.queued();
  }
  {
    RequestScope scope(recorder_);
    scope.queued();
    scope.fail(FailureReason::Canceled);
    scope.fail(FailureReason::Backend);
    scope.succeed(1);
  }
  const std::string text = metrics_.text();
  EXPECT_EQ(recorder_->snapshot().fail.count, 2U);
  EXPECT_EQ(recorder_->snapshot().success.count, 0U);
  EXPECT_THAT(text, HasSubstr("reason=\"OTHER\",version=\"1\"} 1"));
  EXPECT_THAT(text, HasSubstr("reason=\"CANCELED\",version=\"1\"} 1"));
  EXPECT_THAT(
      text,
      HasSubstr("nv_inference_pending_request_count{_team=\"x\",model=\"bert\",version=\"1\"} 0"));
}

TEST_F(StatisticsTest, ListsBatchSizesAscending) {
  for (const size_t rows : {5, 1, 3, 1}) recorder_->count_execution(execute(rows, rows));
  const ModelStatistics s = recorder_->snapshot();
  ASSERT_EQ(s.batches.size(), 3U);
  EXPECT_EQ(s.batches[0].batch_size, 1U);
  EXPECT_EQ(s.batches[0].compute_infer.count, 2U);
  EXPECT_EQ(s.batches[2].batch_size, 5U);
}

}  // namespace
}  // namespace neso
