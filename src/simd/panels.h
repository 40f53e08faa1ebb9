// SPDX-License-Identifier: Apache-2.0
// The layout of a product's right-hand side b [k, n]: panels of `panel_width` columns, each
// [units of k][columns], so that the kernel reads one forward stream. A unit is 32 bits: one fp32,
// two bf16 or four bytes that follow each other along k. Panel p starts at unit
// p * units * panel_width; the last one is only as wide as the columns that are left, rounded up to
// kRowPadding (or to the panel width where that is narrower) and filled with zeros.
#pragma once

#include <cstddef>
#include <cstdint>

#include "simd/kernels.h"

namespace neso {

struct PanelShape {
  size_t units = 0;  // of k
  size_t n = 0;
  size_t panel_width = 0;

  size_t panels() const { return (n + panel_width - 1) / panel_width; }
  // Columns that panel p occupies.
  size_t columns(size_t p) const;
  // Units of all panels.
  size_t size() const;
};

constexpr size_t units_of(Format format, size_t k) {
  return (k + unit_values(format) - 1) / unit_values(format);
}

// Columns first .. end - 1, where `first` is a multiple of the panel width.
Panels columns_of(const Panels& panels, size_t first, size_t end);

// b from its transpose, rows of whole units with leading dimension ld (in units): a Linear layer's
// weight, or keys.
void pack_transposed(const KernelTable& kernels, const PanelShape& shape, const void* rows,
                     size_t ld, void* panels);

// b from itself, a row-major [k, n] with leading dimension ld.
void pack_rows(const PanelShape& shape, const float* rows, size_t ld, float* panels);

// The same of bf16, where a unit is one row's value and the next row's (zero behind the last).
struct Bf16Rows {
  const Bf16* values = nullptr;
  size_t ld = 0;
  size_t k = 0;
};
void pack_rows(const KernelTable& kernels, const PanelShape& shape, const Bf16Rows& rows,
               uint32_t* panels);

}  // namespace neso
