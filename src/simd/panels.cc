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

void pack_transposed(const PanelShape& shape, const void* rows, size_t ld, void* panels) {
  const auto* in = static_cast<const uint32_t*>(rows);
  for (size_t p = 0; p < shape.panels(); ++p) {
    const size_t first = p * shape.panel_width;
    const size_t width = shape.columns(p);
    const size_t used = std::min(width, shape.n - first);
    uint32_t* panel = static_cast<uint32_t*>(panels) + first * shape.units;
    // A few columns at a time: each of their rows is read forward, and their stores share cache
    // lines.
    constexpr size_t kColumns = 8;
    for (size_t c = 0; c < used; c += kColumns) {
      const size_t end = std::min(c + kColumns, used);
      for (size_t i = 0; i < shape.units; ++i) {
        for (size_t j = c; j < end; ++j) panel[i * width + j] = in[(first + j) * ld + i];
      }
    }
    for (size_t i = 0; i < shape.units && used < width; ++i) {
      std::memset(panel + i * width + used, 0, (width - used) * sizeof(uint32_t));
    }
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

void pack_rows(const PanelShape& shape, const Bf16* rows, size_t ld, size_t k, uint32_t* panels) {
  for (size_t p = 0; p < shape.panels(); ++p) {
    const size_t first = p * shape.panel_width;
    const size_t width = shape.columns(p);
    const size_t used = std::min(width, shape.n - first);
    uint32_t* panel = panels + first * shape.units;
    for (size_t i = 0; i < shape.units; ++i) {
      const Bf16* even = rows + 2 * i * ld + first;
      const Bf16* odd = 2 * i + 1 < k ? even + ld : nullptr;
      uint32_t* out = panel + i * width;
      if (odd != nullptr) {
        for (size_t c = 0; c < used; ++c) {
          out[c] = static_cast<uint32_t>(even[c]) | static_cast<uint32_t>(odd[c]) << 16U;
        }
      } else {
        for (size_t c = 0; c < used; ++c) out[c] = even[c];
      }
      if (used < width) std::memset(out + used, 0, (width - used) * sizeof(uint32_t));
    }
  }
}

}  // namespace neso
