// SPDX-License-Identifier: Apache-2.0
#include "simd/panels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "simd/kernels.h"
#include "simd/test_operands.h"

namespace neso {
namespace {

// Element [i, c] of b, wherever the layout of panels.h puts it.
float at(const PanelShape& shape, const std::vector<float>& panels, size_t i, size_t c) {
  const size_t p = c / shape.panel_width;
  return panels[p * shape.units * shape.panel_width + i * shape.columns(p) + c % shape.panel_width];
}

TEST(Panels, BothPackersPutEveryElementInItsPlaceAndZerosBehind) {
  for (const size_t width : {8, 16, 64}) {
    for (const size_t n : {1, 7, 16, 17, 40, 64, 65, 150}) {
      const PanelShape shape{5, n, width};
      std::vector<float> rows(5 * n);        // b itself, [k, n]
      std::vector<float> transposed(n * 5);  // [n, k]
      for (size_t i = 0; i < 5; ++i) {
        for (size_t c = 0; c < n; ++c)
          rows[i * n + c] = transposed[c * 5 + i] = static_cast<float>(1 + i * n + c);
      }
      std::vector<float> by_rows(shape.size(), NAN);
      std::vector<float> by_columns(shape.size(), NAN);
      pack_rows(shape, rows.data(), n, by_rows.data());
      pack_transposed(shape, transposed.data(), 5, by_columns.data());
      EXPECT_EQ(by_rows, by_columns) << "width " << width << ", n " << n;  // no NaN is left
      const size_t last = shape.panels() - 1;
      for (size_t i = 0; i < 5; ++i) {
        for (size_t c = 0; c < last * width + shape.columns(last); ++c) {
          ASSERT_EQ(at(shape, by_rows, i, c), c < n ? rows[i * n + c] : 0.0F);
        }
      }
    }
  }
}

TEST(Panels, LastPanelIsAsWideAsThePaddedRest) {
  const PanelShape shape{10, 70, 64};
  EXPECT_EQ(shape.panels(), 2U);
  EXPECT_EQ(shape.columns(0), 64U);
  EXPECT_EQ(shape.columns(1), 16U);
  EXPECT_EQ(shape.size(), 800U);
  EXPECT_EQ((PanelShape{10, 0, 64}.size()), 0U);
}

TEST(Panels, RowsOfBf16ArePairedWithTheRowBelow) {
  constexpr size_t kN = 20;
  for (const size_t k : {1, 2, 5}) {
    const PanelShape shape{units_of(Format::Bf16, k), kN, 16};
    std::vector<Bf16> rows(k * kN);
    for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<Bf16>(i + 1);
    std::vector<uint32_t> panels(shape.size(), 0xFFFFFFFF);
    pack_rows(shape, rows.data(), kN, k, panels.data());
    for (size_t i = 0; i < shape.units; ++i) {
      for (size_t c = 0; c < 32; ++c) {
        const uint32_t unit =
            panels[c / 16 * shape.units * 16 + i * shape.columns(c / 16) + c % 16];
        const uint32_t even = c < kN ? rows[2 * i * kN + c] : 0U;
        const uint32_t odd = c < kN && 2 * i + 1 < k ? rows[(2 * i + 1) * kN + c] : 0U;
        ASSERT_EQ(unit, even | odd << 16U);
      }
    }
  }
}

TEST(Panels, ColumnsOfAreThoseColumnsWithTheirScales) {
  const Floats scales(100);
  const std::vector<int32_t> sums(100);
  const std::vector<uint32_t> data(100 * 3);
  const Panels whole{Format::Int8, data.data(), 10, 100, scales.data(), sums.data()};
  const Panels part = columns_of(whole, 64, 90);
  EXPECT_EQ(part.n, 26U);
  EXPECT_EQ(part.k, 10U);
  EXPECT_EQ(part.data, data.data() + 64 * 3);
  EXPECT_EQ(part.scales, scales.data() + 64);
  EXPECT_EQ(part.sums, sums.data() + 64);
}

}  // namespace
}  // namespace neso
