// SPDX-License-Identifier: Apache-2.0
#include "simd/kernels.h"

#include "simd/kernel_tables.h"

namespace neso {

const KernelTable& kernel_table(Isa isa) {
  switch (isa) {
#if defined(__x86_64__)
    case Isa::Avx2:
      return kAvx2Kernels;
    case Isa::Avx512:
      return kAvx512Kernels;
    case Isa::Avx512Vnni:
      return kAvx512VnniKernels;
    case Isa::Avx512Bf16:
      return kAvx512Bf16Kernels;
    case Isa::Avx512Amx:
      return kAvx512AmxKernels;
#elif defined(__aarch64__)
    case Isa::Neon:
      return kNeonKernels;
    case Isa::NeonDotprod:
      return kNeonDotprodKernels;
    case Isa::NeonI8mm:
      return kNeonI8mmKernels;
    case Isa::NeonBf16:
      return kNeonBf16Kernels;
#endif
    default:
      return kGenericKernels;
  }
}

}  // namespace neso
