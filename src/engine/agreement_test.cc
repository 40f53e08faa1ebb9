// SPDX-License-Identifier: Apache-2.0
#include "engine/agreement.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace neso {
namespace {

TEST(Agreement, ACosineDoesNotDependOnLengths) {
  const std::vector<float> a = {3, 4};
  EXPECT_DOUBLE_EQ(cosine(a, std::vector<float>{6, 8}), 1);
  EXPECT_DOUBLE_EQ(cosine(a, std::vector<float>{-4, 3}), 0);
  EXPECT_NEAR(cosine(a, std::vector<float>{1e30F, 0}), 0.6, 1e-7);
}

TEST(Agreement, ACosineOfNothingOrOfNoNumberIsNoNumber) {
  const std::vector<float> a = {3, 4};
  EXPECT_TRUE(std::isnan(cosine(a, std::vector<float>{0, 0})));
  EXPECT_TRUE(std::isnan(cosine(a, std::vector<float>{std::nanf(""), 1})));
  EXPECT_TRUE(std::isnan(cosine(a, std::vector<float>{std::numeric_limits<float>::infinity(), 1})));
}

TEST(Agreement, RowsAreComparedOneByOneAndTheWorstIsNamed) {
  const std::vector<float> exact = {1, 0, 0, 1, 3, 4};
  const auto agreement = compare_rows(exact, std::vector<float>{2, 0, 3, 4, 3, 4}, 2);
  EXPECT_NEAR(agreement.mean, (1 + 0.8 + 1) / 3, 1e-12);
  EXPECT_NEAR(agreement.least, 0.8, 1e-12);
  EXPECT_EQ(agreement.least_row, 1U);
}

TEST(Agreement, ARowThatIsNoNumberIsTheWorstOfAll) {
  const std::vector<float> exact = {1, 0, 1, 0, 1, 0};
  const auto agreement = compare_rows(exact, std::vector<float>{1, 0, 0, 0, -1, 0}, 2);
  EXPECT_TRUE(std::isnan(agreement.least));
  EXPECT_EQ(agreement.least_row, 1U);
}

// Points on a circle, so that the nearest ones are those beside a point.
std::vector<float> circle(size_t points, double turn) {
  std::vector<float> rows;
  for (size_t i = 0; i < points; ++i) {
    const double angle = 6.283185307179586 * turn * static_cast<double>(i * i % 101) / 101;
    rows.push_back(static_cast<float>(std::cos(angle)));
    rows.push_back(static_cast<float>(std::sin(angle)));
  }
  return rows;
}

TEST(Agreement, NeighboursAreKeptByATurnAndLostByAShuffle) {
  const auto exact = circle(50, 1);
  EXPECT_DOUBLE_EQ(neighbours_kept(exact, exact, 2), 1);
  EXPECT_LT(neighbours_kept(exact, circle(50, 7), 2), 0.7);
}

TEST(Agreement, FewRowsAreAllNeighbours) {
  EXPECT_DOUBLE_EQ(neighbours_kept(std::vector<float>{1, 0}, std::vector<float>{0, 1}, 2), 1);
  EXPECT_DOUBLE_EQ(neighbours_kept(circle(4, 1), circle(4, 7), 2), 1);
}

}  // namespace
}  // namespace neso
