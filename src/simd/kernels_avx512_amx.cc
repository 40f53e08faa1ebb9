// SPDX-License-Identifier: Apache-2.0
// Kernels for AVX-512 with VNNI and BF16, and AMX for products of bf16 and of bytes.
#if defined(__x86_64__)

#include <immintrin.h>

#include "simd/kernel_tables.h"

namespace neso {
namespace {

#include "simd/vectors_avx512.inc"

#include "simd/bf16_avx512.inc"

#include "simd/dot_vnni.inc"

#include "simd/kernel_set.inc"

#include "simd/product_amx.inc"

constexpr KernelTable amx_kernel_set() {
  KernelTable kernels = kernel_set(Isa::Avx512Amx);
  kernels.product = product_by_tiles;
  kernels.multiply_peak = multiply_peak_by_tiles;
  return kernels;
}

}  // namespace

const KernelTable kAvx512AmxKernels = amx_kernel_set();

}  // namespace neso

#endif  // defined(__x86_64__)
