// SPDX-License-Identifier: Apache-2.0
#include "engine/onnx/row_groups.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace neso {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(RowGroups, NothingFromNothing) {
  EXPECT_THAT(group_rows({}, {}), IsEmpty());
}

TEST(RowGroups, EqualLengthsShareARun) {
  const std::vector<size_t> lengths = {7, 7, 7};
  EXPECT_THAT(group_rows(lengths, {}), ElementsAre(ElementsAre(0, 1, 2)));
}

TEST(RowGroups, SmallDifferencesArePaddedAndLargeOnesSplit) {
  const std::vector<size_t> lengths = {5, 500, 6, 498};
  EXPECT_THAT(group_rows(lengths, {}), ElementsAre(ElementsAre(1, 3), ElementsAre(2, 0)));
}

TEST(RowGroups, PaddingCostsNoMoreThanTheRunsItSaves) {
  std::vector<size_t> lengths;
  for (size_t i = 0; i < 300; ++i) lengths.push_back(1 + (i * 7919) % 512);
  const GroupLimits limits = {.max_tokens = 8192, .run_cost_tokens = 32};
  size_t padded = 0;
  size_t real = 0;
  for (const size_t length : lengths) real += length;
  const auto groups = group_rows(lengths, limits);
  for (const auto& rows : groups) padded += rows.size() * lengths[rows.front()];
  EXPECT_LT(static_cast<double>(padded), 1.1 * static_cast<double>(real));
  EXPECT_LT(groups.size(), 60u);
}

TEST(RowGroups, EveryRowIsInExactlyOneGroup) {
  std::vector<size_t> lengths;
  for (size_t i = 0; i < 1000; ++i) lengths.push_back(1 + (i * 31) % 97);
  std::vector<size_t> seen;
  for (const auto& rows : group_rows(lengths, {.max_tokens = 1000})) {
    EXPECT_LE(rows.size() * lengths[rows.front()], 1000u);
    seen.insert(seen.end(), rows.begin(), rows.end());
  }
  std::ranges::sort(seen);
  ASSERT_EQ(seen.size(), lengths.size());
  for (size_t i = 0; i < seen.size(); ++i) ASSERT_EQ(seen[i], i);
}

TEST(RowGroups, ARowOverTheTokenLimitRunsAlone) {
  const std::vector<size_t> lengths = {20, 20, 9};
  EXPECT_THAT(group_rows(lengths, {.max_tokens = 10}),
              ElementsAre(ElementsAre(0), ElementsAre(1), ElementsAre(2)));
}

TEST(RowGroups, AFixedNumberOfRowsIsNeverExceeded) {
  const std::vector<size_t> lengths = {4, 4, 4, 4, 4};
  EXPECT_EQ(group_rows(lengths, {.rows = 1}).size(), 5u);
  EXPECT_EQ(group_rows(lengths, {.rows = 3}).size(), 2u);
}

TEST(RowGroups, WithoutAMaskOnlyEqualLengthsMeet) {
  const std::vector<size_t> lengths = {4, 5, 4, 5};
  EXPECT_THAT(group_rows(lengths, {.equal_lengths = true}),
              ElementsAre(ElementsAre(1, 3), ElementsAre(0, 2)));
}

}  // namespace
}  // namespace neso
