// SPDX-License-Identifier: Apache-2.0
// The one symbol that each kernels_*.cc exports. Everything else in those files has internal
// linkage: they are compiled for other instruction sets, and a shared inline function in them could
// become the whole program's copy.
#pragma once

#include <type_traits>
#include <utility>

#include "simd/kernels.h"

namespace neso {

extern const KernelTable kGenericKernels;
extern const KernelTable kAvx2Kernels;
extern const KernelTable kAvx512Kernels;
extern const KernelTable kAvx512VnniKernels;
extern const KernelTable kAvx512Bf16Kernels;
extern const KernelTable kAvx512AmxKernels;
extern const KernelTable kNeonKernels;
extern const KernelTable kNeonDotprodKernels;
extern const KernelTable kNeonI8mmKernels;
extern const KernelTable kNeonBf16Kernels;

}  // namespace neso
