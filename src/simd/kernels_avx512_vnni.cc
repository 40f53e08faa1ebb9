// SPDX-License-Identifier: Apache-2.0
// Kernels for AVX-512 with VNNI: products of bytes in one instruction.
#if defined(__x86_64__)

#include <immintrin.h>

#include "simd/kernel_tables.h"

namespace neso {
namespace {

#include "simd/vectors_avx512.inc"

#include "simd/bf16_by_hand.inc"

#include "simd/dot_vnni.inc"

#include "simd/kernel_set.inc"

}  // namespace

const KernelTable kAvx512VnniKernels = kernel_set(Isa::Avx512Vnni);

}  // namespace neso

#endif  // defined(__x86_64__)
