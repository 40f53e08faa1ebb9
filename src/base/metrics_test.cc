// SPDX-License-Identifier: Apache-2.0
#include "base/metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/metric_histogram.h"
#include "base/metric_summary.h"

namespace neso {
namespace {

TEST(Metrics, TextIsPrometheusFormat) {
  MetricRegistry registry;
  const auto successes =
      registry.series("nv_inference_request_success", MetricKind::Counter, "Number of successes",
                      {{"version", "1"}, {"model", "bert"}});
  const auto used =
      registry.series("nv_cpu_memory_used_bytes", MetricKind::Gauge, "CPU used memory", {});
  successes->add(160);
  successes->add(1);
  used->set(66973696.0);
  EXPECT_EQ(registry.text(),
            "# HELP nv_cpu_memory_used_bytes CPU used memory\n"
            "# TYPE nv_cpu_memory_used_bytes gauge\n"
            "nv_cpu_memory_used_bytes 66973696\n"
            "# HELP nv_inference_request_success Number of successes\n"
            "# TYPE nv_inference_request_success counter\n"
            "nv_inference_request_success{model=\"bert\",version=\"1\"} 161\n");
}

TEST(Metrics, OneFamilyIsAnnouncedOnceForAllItsSeries) {
  MetricRegistry registry;
  const auto b = registry.series("f", MetricKind::Counter, "help", {{"model", "b"}});
  const auto a = registry.series("f", MetricKind::Counter, "another help", {{"model", "a"}});
  EXPECT_EQ(registry.text(),
            "# HELP f help\n# TYPE f counter\nf{model=\"a\"} 0\nf{model=\"b\"} 0\n");
}

TEST(Metrics, TheSameLabelsInAnyOrderAreTheSameSeries) {
  MetricRegistry registry;
  const auto first = registry.series("f", MetricKind::Counter, "help", {{"a", "1"}, {"b", "2"}});
  const auto second = registry.series("f", MetricKind::Counter, "help", {{"b", "2"}, {"a", "1"}});
  const auto other = registry.series("f", MetricKind::Counter, "help", {{"b", "1"}, {"a", "2"}});
  EXPECT_EQ(first, second);
  EXPECT_NE(first, other);
}

TEST(Metrics, ASeriesGoesWithItsLastHolderAndStartsAnewAtZero) {
  MetricRegistry registry;
  auto series = registry.series("f", MetricKind::Counter, "help", {{"model", "a"}});
  series->add(5);
  series.reset();
  EXPECT_EQ(registry.text(), "");
  series = registry.series("f", MetricKind::Counter, "help", {{"model", "a"}});
  EXPECT_EQ(series->value(), 0);
  EXPECT_EQ(registry.text(), "# HELP f help\n# TYPE f counter\nf{model=\"a\"} 0\n");
}

TEST(Metrics, EscapesLabelValuesAndHelp) {
  MetricRegistry registry;
  const auto series =
      registry.series("f", MetricKind::Gauge, "a \"b\"\nc\\d", {{"model", "a\"b\\c\nd"}});
  EXPECT_EQ(registry.text(),
            "# HELP f a \"b\"\\nc\\\\d\n# TYPE f gauge\nf{model=\"a\\\"b\\\\c\\nd\"} 0\n");
}

TEST(Metrics, ValuesPrintShortAndWithoutLoss) {
  MetricRegistry registry;
  const auto series = registry.series("f", MetricKind::Gauge, "h", {});
  const auto printed = [&](double value) {
    series->set(value);
    const std::string text = registry.text();
    return text.substr(text.rfind(' ') + 1);
  };
  EXPECT_EQ(printed(0.1), "0.1\n");
  EXPECT_EQ(printed(-3), "-3\n");
  EXPECT_EQ(printed(123456789012345.0), "123456789012345\n");
  EXPECT_EQ(printed(1.0 / 3), "0.3333333333333333\n");
  EXPECT_EQ(printed(1e300), "1e+300\n");
  EXPECT_EQ(printed(std::nan("")), "NaN\n");
  EXPECT_EQ(printed(std::numeric_limits<double>::infinity()), "+Inf\n");
  EXPECT_EQ(printed(-std::numeric_limits<double>::infinity()), "-Inf\n");
}

TEST(Metrics, ALastingSeriesOutlivesItsHolders) {
  MetricRegistry registry;
  registry.lasting_series("f", MetricKind::Counter, "h", {{"model", "a"}})->add(5);
  EXPECT_EQ(registry.text(), "# HELP f h\n# TYPE f counter\nf{model=\"a\"} 5\n");
  EXPECT_EQ(registry.lasting_series("f", MetricKind::Counter, "h", {{"model", "a"}})->value(), 5);
}

TEST(Metrics, AHistogramCountsUpToEachBound) {
  MetricRegistry registry;
  const auto histogram = registry.histogram("f", "h", {{"model", "a"}}, {1, 2.5});
  histogram->observe(1);
  histogram->observe(2, 3);
  histogram->observe(100);
  EXPECT_EQ(registry.text(),
            "# HELP f h\n# TYPE f histogram\n"
            "f_bucket{model=\"a\",le=\"1\"} 1\n"
            "f_bucket{model=\"a\",le=\"2.5\"} 4\n"
            "f_bucket{model=\"a\",le=\"+Inf\"} 5\n"
            "f_sum{model=\"a\"} 107\n"
            "f_count{model=\"a\"} 5\n");
}

TEST(Metrics, ASummaryTellsTheLastMinuteAndCountsAll) {
  ManualClock clock;
  MetricRegistry registry({.summary_quantiles = {0.5, 1}});
  const auto summary = registry.summary("f", "h", {}, clock);
  const auto shows = [&](const std::string& half, const std::string& all, int count) {
    EXPECT_EQ(registry.text(), "# HELP f h\n# TYPE f summary\nf{quantile=\"0.5\"} " + half +
                                   "\nf{quantile=\"1\"} " + all + "\nf_sum " +
                                   std::to_string(count * 10) + "\nf_count " +
                                   std::to_string(count) + "\n");
  };
  shows("NaN", "NaN", 0);
  for (const int value : {5, 10, 15}) summary->observe(value);
  shows("10", "15", 3);
  clock.advance_ns(30'000'000'000);
  summary->observe(10);
  clock.advance_ns(25'000'000'000);
  shows("10", "15", 4);
  clock.advance_ns(10'000'000'000);
  shows("10", "10", 4);
  clock.advance_ns(60'000'000'000);
  shows("NaN", "NaN", 4);
}

TEST(Metrics, AComputedSeriesIsAskedWhenItIsRead) {
  MetricRegistry registry;
  double value = 1;
  auto held = registry.computed("f", MetricKind::Gauge, "h", [&] { return value; });
  value = 7;
  EXPECT_EQ(registry.text(), "# HELP f h\n# TYPE f gauge\nf 7\n");
  held.reset();
  EXPECT_EQ(registry.text(), "");
}

TEST(Metrics, AdditionsOfSeveralThreadsAreAllCounted) {
  MetricRegistry registry;
  const auto series = registry.series("f", MetricKind::Counter, "h", {});
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 5000; ++i) series->add(1);
      const auto own = registry.series("f", MetricKind::Counter, "h", {{"own", "1"}});
      EXPECT_FALSE(registry.text().empty());
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(series->value(), 20000);
}

}  // namespace
}  // namespace neso
