// SPDX-License-Identifier: Apache-2.0
#include "simd/panels.h"

#include <algorithm>
#include <cstring>

namespace neso {

size_t PanelShape::columns(size_t p) const {
  return std::min(panel_width, padded(n - p * panel_width));
}

size_t PanelShape::size() const {
  if (n == 0) return 0;
  const size_t last = panels() - 1;
  return units * (last * panel_width + columns(last));
}

Panels columns_of(const Panels& panels, size_t first, size_t end) {
  Panels result = panels;
  result.data =
      static_cast<const uint32_t*>(panels.data) + first * units_of(panels.format, panels.k);
  result.n = end - first;
  if (panels.scales != nullptr) result.scales += first;
  if (panels.sums != nullptr) result.sums += first;
  return result;
}

void pack_transposed(const KernelTable& kernels, const PanelShape& shape, const void* rows,
                     size_t ld, void* panels) {
  for (size_t p = 0; p < shape.panels(); ++p) {
    const size_t first = p * shape.panel_width;
    Transpose panel;
    panel.in = static_cast<const uint32_t*>(rows) + first * ld;
    panel.ldi = ld;
    panel.units = shape.units;
    panel.out = static_cast<uint32_t*>(panels) + first * shape.units;
    panel.columns = panel.ldo = shape.columns(p);
    panel.rows = std::min(panel.columns, shape.n - first);
    kernels.transpose(panel);
  }
}

void pack_rows(const PanelShape& shape, const float* rows, size_t ld, float* panels) {
  for (size_t p = 0; p < shape.panels(); ++p) {
    const size_t first = p * shape.panel_width;
    const size_t width = shape.columns(p);
    const size_t used = std::min(width, shape.n - first);
    float* panel = panels + first * shape.units;
    for (size_t i = 0; i < shape.units; ++i) {
      std::memcpy(panel + i * width, rows + i * ld + first, used * sizeof(float));
      if (used < width) std::memset(panel + i * width + used, 0, (width - used) * sizeof(float));
    }
  }
}

void pack_rows(const KernelTable& kernels, const PanelShape& shape, const Bf16Rows& rows,
               uint32_t* panels) {
  for (size_t p = 0; p < shape.panels(); ++p) {
    const size_t first = p * shape.panel_width;
    PairRows panel;
    panel.in = rows.values + first;
    panel.ldi = rows.ld;
    panel.rows = rows.k;
    panel.out = panels + first * shape.units;
    panel.columns = panel.ldo = shape.columns(p);
    panel.n = std::min(panel.columns, shape.n - first);
    kernels.pair_rows(panel);
  }
}

}  // namespace neso
