// SPDX-License-Identifier: Apache-2.0
#include "tensor/shape.h"

#include <gtest/gtest.h>

#include <limits>

namespace neso {
namespace {

constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

TEST(Shape, CountsElements) {
  EXPECT_EQ(element_count(Shape{}), 1);
  EXPECT_EQ(element_count(Shape{7}), 7);
  EXPECT_EQ(element_count(Shape{2, 3, 384}), 2304);
  EXPECT_EQ(element_count(Shape{4, 0, 3}), 0);
}

TEST(Shape, RefusesNegativeSizesAndOverflow) {
  EXPECT_EQ(element_count(Shape{2, -1}), std::nullopt);
  EXPECT_EQ(element_count(Shape{0, -1}), std::nullopt);
  EXPECT_EQ(element_count(Shape{kMax}), kMax);
  EXPECT_EQ(element_count(Shape{kMax, 2}), std::nullopt);
  EXPECT_EQ(element_count(Shape{int64_t{1} << 32, int64_t{1} << 32}), std::nullopt);
  EXPECT_EQ(element_count(Shape{int64_t{1} << 32, int64_t{1} << 32, 0}), 0)
      << "the product is 0 in any order";
  EXPECT_EQ(element_count(Shape{0, kMax, kMax}), 0);
}

TEST(Shape, PrintsAsTritonDoes) {
  EXPECT_EQ(shape_text(Shape{}), "[]");
  EXPECT_EQ(shape_text(Shape{1, -1, 384}), "[1,-1,384]");
}

TEST(Shape, MinusOneMatchesAnySize) {
  EXPECT_TRUE(shape_matches(Shape{-1, 384}, Shape{5, 384}));
  EXPECT_TRUE(shape_matches(Shape{-1}, Shape{0}));
  EXPECT_TRUE(shape_matches(Shape{}, Shape{}));
  EXPECT_FALSE(shape_matches(Shape{-1, 384}, Shape{5, 383}));
  EXPECT_FALSE(shape_matches(Shape{-1}, Shape{5, 5}));
  EXPECT_FALSE(shape_matches(Shape{5}, Shape{-1}));
}

}  // namespace
}  // namespace neso
