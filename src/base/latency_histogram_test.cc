// SPDX-License-Identifier: Apache-2.0
#include "base/latency_histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace neso {
namespace {

TEST(LatencyHistogram, IsExactForSmallValues) {
  LatencyHistogram histogram;
  for (int64_t ns = 1; ns <= 200; ++ns) histogram.record(ns);
  EXPECT_EQ(histogram.quantile_ns(0.5), 100);
  EXPECT_EQ(histogram.quantile_ns(0.99), 198);
  EXPECT_EQ(histogram.quantile_ns(1), 200);
  EXPECT_EQ(histogram.quantile_ns(0), 1);
  EXPECT_DOUBLE_EQ(histogram.mean_ns(), 100.5);
}

TEST(LatencyHistogram, NoQuantileIsBelowTheTruthOrMoreThanA128thAbove) {
  std::mt19937_64 random(7);
  std::vector<int64_t> values;
  LatencyHistogram histogram;
  for (int i = 0; i < 20000; ++i) {
    const double exponent = static_cast<double>(random() >> 11) * 0x1.0p-53 * 40;
    values.push_back(static_cast<int64_t>(std::exp2(exponent)));
    histogram.record(values.back());
  }
  std::ranges::sort(values);
  for (const double share : {0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const auto rank = static_cast<size_t>(std::ceil(share * 20000)) - 1;
    EXPECT_GE(histogram.quantile_ns(share), values[rank]) << share;
    EXPECT_LE(histogram.quantile_ns(share), values[rank] + values[rank] / 128) << share;
  }
}

TEST(LatencyHistogram, HoldsEveryValue) {
  LatencyHistogram histogram;
  histogram.record(std::numeric_limits<int64_t>::max());
  histogram.record(-5);
  EXPECT_EQ(histogram.quantile_ns(0.5), 0);
  EXPECT_EQ(histogram.quantile_ns(1), std::numeric_limits<int64_t>::max());
}

TEST(LatencyHistogram, MergedOnesEqualOneOfAllValues) {
  LatencyHistogram all, odd, even;
  for (int64_t ns = 0; ns < 100'000; ns += 7) {
    all.record(ns);
    (ns % 2 == 0 ? even : odd).record(ns);
  }
  odd.merge(even);
  EXPECT_EQ(odd.count(), all.count());
  EXPECT_EQ(odd.max_ns(), all.max_ns());
  EXPECT_DOUBLE_EQ(odd.mean_ns(), all.mean_ns());
  for (const double share : {0.1, 0.5, 0.9})
    EXPECT_EQ(odd.quantile_ns(share), all.quantile_ns(share));
}

TEST(LatencyHistogram, WithoutValuesIsZero) {
  EXPECT_EQ(LatencyHistogram().quantile_ns(0.5), 0);
  EXPECT_EQ(LatencyHistogram().mean_ns(), 0);
}

}  // namespace
}  // namespace neso
