// SPDX-License-Identifier: Apache-2.0
#include "simd/kernels.h"

#include "simd/kernel_tables.h"

namespace neso {

const KernelTable& kernel_table(Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::Avx512) return kAvx512Kernels;
  if (isa == Isa::Avx2) return kAvx2Kernels;
#else
  static_cast<void>(isa);
#endif
  return kGenericKernels;
}

}  // namespace neso
