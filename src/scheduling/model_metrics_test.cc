// SPDX-License-Identifier: Apache-2.0
// Which families there are under which settings, and what is added to them.
#include "scheduling/model_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace neso {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class ModelMetricsTest : public ::testing::Test {
 protected:
  void start(MetricSettings settings, ModelMetricOptions options = {}) {
    registry_ = std::make_unique<MetricRegistry>(std::move(settings));
    metrics_ = std::make_unique<ModelMetrics>("m", 1, options, *registry_, clock_);
  }
  std::string text() const { return registry_->text(); }

  ManualClock clock_;
  std::unique_ptr<MetricRegistry> registry_;
  std::unique_ptr<ModelMetrics> metrics_;
};

constexpr RequestDurations kDurations = {.total_ns = 150'000'999,
                                         .queue_ns = 1'999,
                                         .compute_input_ns = 2'000,
                                         .compute_infer_ns = 149'000'000,
                                         .compute_output_ns = 3'000};

TEST_F(ModelMetricsTest, CountersAreWholeMicrosecondsOfEachRequest) {
  start({});
  metrics_->count_success(kDurations, 3);
  metrics_->count_success(kDurations, 1);
  for (const char* line : {"nv_inference_request_success{model=\"m\",version=\"1\"} 2\n",
                           "nv_inference_count{model=\"m\",version=\"1\"} 4\n",
                           "nv_inference_request_duration_us{model=\"m\",version=\"1\"} 300000\n",
                           "nv_inference_queue_duration_us{model=\"m\",version=\"1\"} 2\n"}) {
    EXPECT_THAT(text(), HasSubstr(line));
  }
  EXPECT_THAT(text(), Not(HasSubstr("summary")));
  EXPECT_THAT(text(), Not(HasSubstr("first_response")));
}

TEST_F(ModelMetricsTest, WithoutLatenciesRequestsAreStillCounted) {
  start({.counter_latencies = false});
  metrics_->count_success(kDurations, 1);
  EXPECT_THAT(text(), HasSubstr("nv_inference_request_success{model=\"m\",version=\"1\"} 1\n"));
  EXPECT_THAT(text(), Not(HasSubstr("duration_us")));
}

TEST_F(ModelMetricsTest, SummariesGiveQuantiles) {
  start({.summary_latencies = true, .summary_quantiles = {0.5}});
  metrics_->count_success(kDurations, 1);
  EXPECT_THAT(text(),
              HasSubstr("nv_inference_queue_summary_us{model=\"m\",version=\"1\",quantile=\"0.5\"} "
                        "1\nnv_inference_queue_summary_us_sum{model=\"m\",version=\"1\"} 1\n"
                        "nv_inference_queue_summary_us_count{model=\"m\",version=\"1\"} 1\n"));
}

TEST_F(ModelMetricsTest, TheFirstResponseIsCountedInTheConfigsBuckets) {
  start({.histogram_latencies = true},
        {.buckets = {{std::string(kFirstResponseHistogram), {150, 151}}}});
  metrics_->count_success(kDurations, 1);
  const std::string family = "nv_inference_first_response_histogram_ms_bucket{model=\"m\",";
  EXPECT_THAT(text(), HasSubstr(family + "version=\"1\",le=\"150\"} 0\n"));
  EXPECT_THAT(text(), HasSubstr(family + "version=\"1\",le=\"151\"} 1\n"));
}

TEST_F(ModelMetricsTest, AnExecutionShowsItsSizeAndWhatPaddingWouldHaveCost) {
  start({});
  metrics_->count_execution({.rows = 3,
                             .tokens = 40,
                             .padded_tokens = 60,
                             .start_ns = 0,
                             .input_end_ns = 1,
                             .output_start_ns = 2,
                             .end_ns = 500'000'000});
  for (const char* line : {"nv_inference_exec_count{model=\"m\",version=\"1\"} 1\n",
                           "neso_batch_rows_bucket{model=\"m\",version=\"1\",le=\"2\"} 0\n",
                           "neso_batch_rows_bucket{model=\"m\",version=\"1\",le=\"4\"} 1\n",
                           "neso_batch_tokens_sum{model=\"m\",version=\"1\"} 40\n",
                           "neso_padding_tokens_avoided_total{model=\"m\",version=\"1\"} 20\n",
                           "neso_engine_busy_seconds_total{model=\"m\",version=\"1\"} 0.5\n"}) {
    EXPECT_THAT(text(), HasSubstr(line));
  }
}

}  // namespace
}  // namespace neso
