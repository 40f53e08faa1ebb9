// SPDX-License-Identifier: Apache-2.0
// A proof at run time for kernels that never ran on the hardware they are made for, before anybody
// depends on them.
#pragma once

#include "base/result.h"
#include "simd/kernels.h"

namespace neso {

// Multiplies random operands by both tables, of one panel width, in microseconds. Sums of bytes
// must have the reference's bits, bf16 its values within rounding, and every row the same bits
// whatever number of rows it is computed with. The error says what differs.
Result<> prove_products(const KernelTable& kernels, const KernelTable& reference);

}  // namespace neso
