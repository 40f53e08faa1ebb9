// SPDX-License-Identifier: Apache-2.0
#include "simd/panels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "simd/cpu.h"
#include "simd/kernels.h"
#include "simd/test_operands.h"

namespace neso {
namespace {

// Element [i, c] of b, wherever the layout of panels.h puts it.
float at(const PanelShape& shape, const std::vector<float>& panels, size_t i, size_t c) {
  const size_t p = c / shape.panel_width;
  return panels[p * shape.units * shape.panel_width + i * shape.columns(p) + c % shape.panel_width];
}

void expect_every_element_in_its_place(const KernelTable& kernels, size_t k, size_t n) {
  const size_t width = kernels.panel_width;
  const PanelShape shape{k, n, width};
  std::vector<float> rows(k * n);        // b itself, [k, n]
  std::vector<float> transposed(n * k);  // [n, k]
  for (size_t i = 0; i < k; ++i) {
    for (size_t c = 0; c < n; ++c)
      rows[i * n + c] = transposed[c * k + i] = static_cast<float>(1 + i * n + c);
  }
  std::vector<float> by_rows(shape.size(), NAN);
  std::vector<float> by_columns(shape.size(), NAN);
  pack_rows(shape, rows.data(), n, by_rows.data());
  pack_transposed(kernels, shape, transposed.data(), k, by_columns.data());
  EXPECT_EQ(by_rows, by_columns) << "k " << k << ", n " << n;  // no NaN is left
  const size_t last = shape.panels() - 1;
  for (size_t i = 0; i < k; ++i) {
    for (size_t c = 0; c < last * width + shape.columns(last); ++c) {
      ASSERT_EQ(at(shape, by_rows, i, c), c < n ? rows[i * n + c] : 0.0F);
    }
  }
}

TEST(Panels, BothPackersPutEveryElementInItsPlaceAndZerosBehind) {
  for (const Isa isa : supported_isas()) {
    SCOPED_TRACE(to_string(isa));
    for (const size_t k : {1, 5, 16, 33}) {
      for (const size_t n : {1, 7, 16, 17, 40, 64, 65, 150})
        expect_every_element_in_its_place(kernel_table(isa), k, n);
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

void expect_pairs(const KernelTable& kernels, size_t k, size_t n) {
  const size_t width = kernels.panel_width;
  const PanelShape shape{units_of(Format::Bf16, k), n, width};
  std::vector<Bf16> rows(k * n);
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<Bf16>(i + 1);
  std::vector<uint32_t> panels(shape.size(), 0xFFFFFFFF);
  pack_rows(kernels, shape, Bf16Rows{rows.data(), n, k}, panels.data());
  const size_t last = shape.panels() - 1;
  for (size_t i = 0; i < shape.units; ++i) {
    for (size_t c = 0; c < last * width + shape.columns(last); ++c) {
      const size_t p = c / width;
      const uint32_t unit = panels[p * shape.units * width + i * shape.columns(p) + c % width];
      const uint32_t even = c < n ? rows[2 * i * n + c] : 0U;
      const uint32_t odd = c < n && 2 * i + 1 < k ? rows[(2 * i + 1) * n + c] : 0U;
      ASSERT_EQ(unit, even | odd << 16U) << "unit " << i << ", column " << c;
    }
  }
}

TEST(Panels, RowsOfBf16ArePairedWithTheRowBelow) {
  for (const Isa isa : supported_isas()) {
    SCOPED_TRACE(to_string(isa));
    for (const size_t k : {1, 2, 5}) {
      for (const size_t n : {3, 16, 20, 70}) expect_pairs(kernel_table(isa), k, n);
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
