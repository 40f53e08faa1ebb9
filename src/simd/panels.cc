// SPDX-License-Identifier: Apache-2.0
#include "simd/panels.h"

#include <algorithm>
#include <cstring>

#include "simd/kernels.h"

namespace neso {

size_t PanelShape::columns(size_t p) const {
  return std::min(panel_width, padded(n - p * panel_width));
}

size_t PanelShape::floats() const {
  if (n == 0) return 0;
  const size_t last = panels() - 1;
  return k * (last * panel_width + columns(last));
}

void pack_transposed(const PanelShape& shape, const float* rows, size_t ld, float* panels) {
  for (size_t p = 0; p < shape.panels(); ++p) {
    const size_t first = p * shape.panel_width;
    const size_t width = shape.columns(p);
    const size_t used = std::min(width, shape.n - first);
    float* panel = panels + first * shape.k;
    // A few columns at a time: each of their rows is read forward, and their stores share cache
    // lines.
    constexpr size_t kColumns = 8;
    for (size_t c = 0; c < used; c += kColumns) {
      const size_t end = std::min(c + kColumns, used);
      for (size_t i = 0; i < shape.k; ++i) {
        for (size_t j = c; j < end; ++j) panel[i * width + j] = rows[(first + j) * ld + i];
      }
    }
    for (size_t i = 0; i < shape.k && used < width; ++i) {
      std::memset(panel + i * width + used, 0, (width - used) * sizeof(float));
    }
  }
}

void pack_rows(const PanelShape& shape, const float* rows, size_t ld, float* panels) {
  for (size_t p = 0; p < shape.panels(); ++p) {
    const size_t first = p * shape.panel_width;
    const size_t width = shape.columns(p);
    const size_t used = std::min(width, shape.n - first);
    float* panel = panels + first * shape.k;
    for (size_t i = 0; i < shape.k; ++i) {
      std::memcpy(panel + i * width, rows + i * ld + first, used * sizeof(float));
      if (used < width) std::memset(panel + i * width + used, 0, (width - used) * sizeof(float));
    }
  }
}

}  // namespace neso
