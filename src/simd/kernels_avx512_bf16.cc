// SPDX-License-Identifier: Apache-2.0
// Kernels for AVX-512 with VNNI and BF16.
#if defined(__x86_64__)

#include <immintrin.h>

#include "simd/kernel_tables.h"

namespace neso {
namespace {

#include "simd/vectors_avx512.inc"

#include "simd/bf16_avx512.inc"

#include "simd/dot_vnni.inc"

#include "simd/kernel_set.inc"

}  // namespace

const KernelTable kAvx512Bf16Kernels = kernel_set(Isa::Avx512Bf16);

}  // namespace neso

#endif  // defined(__x86_64__)
