// SPDX-License-Identifier: Apache-2.0
#include "base/metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <thread>
#include <vector>

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
