// SPDX-License-Identifier: Apache-2.0
#include "simd/panels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "simd/kernels.h"

namespace neso {
namespace {

// Element [i, c] of b, wherever the layout of panels.h puts it.
float at(const PanelShape& shape, const std::vector<float>& panels, size_t i, size_t c) {
  const size_t p = c / shape.panel_width;
  return panels[p * shape.k * shape.panel_width + i * shape.columns(p) + c % shape.panel_width];
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
      std::vector<float> by_rows(shape.floats(), NAN);
      std::vector<float> by_columns(shape.floats(), NAN);
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
  EXPECT_EQ(shape.floats(), 800U);
  EXPECT_EQ((PanelShape{10, 0, 64}.floats()), 0U);
}

}  // namespace
}  // namespace neso
