// SPDX-License-Identifier: Apache-2.0
// The layout of a product's right-hand side b [k, n]: panels of `panel_width` columns, each
// [k][columns], so that the kernel reads one forward stream. Panel p starts at p * k * panel_width;
// the last one is only as wide as the columns that are left, rounded up to kRowPadding (or to the
// panel width where that is narrower) and filled with zeros.
#pragma once

#include <cstddef>

namespace neso {

struct PanelShape {
  size_t k = 0;
  size_t n = 0;
  size_t panel_width = 0;

  size_t panels() const { return (n + panel_width - 1) / panel_width; }
  // Columns that panel p occupies.
  size_t columns(size_t p) const;
  // Floats of all panels.
  size_t floats() const;
};

// b from its transpose, a row-major [n, k] with leading dimension ld: a Linear layer's weight, or
// keys.
void pack_transposed(const PanelShape& shape, const float* rows, size_t ld, float* panels);

// b from itself, a row-major [k, n] with leading dimension ld: values.
void pack_rows(const PanelShape& shape, const float* rows, size_t ld, float* panels);

}  // namespace neso
