// SPDX-License-Identifier: Apache-2.0
// Kernels for AVX-512 with VNNI and BF16.
#if defined(__x86_64__)

#include <immintrin.h>

#include "simd/kernel_tables.h"

namespace neso {
namespace {

#include "simd/vectors_avx512.inc"

constexpr bool kMultipliesBf16 = true;

// Rounded to nearest, ties to even; NaN stays NaN, denormals become zero.
inline void store_bf16(Bf16* p, Vec v) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                      reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(v)));
}

// sum + the products of the pairs. The CPU flushes denormals and rounds to nearest here whatever
// the thread's setting.
inline Vec dot_bf16(Vec sum, VecInt a, VecInt b) {
  return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(a), reinterpret_cast<__m512bh>(b));
}

#include "simd/dot_vnni.inc"

#include "simd/kernel_set.inc"

}  // namespace

const KernelTable kAvx512Bf16Kernels = kernel_set(Isa::Avx512Bf16);

}  // namespace neso

#endif  // defined(__x86_64__)
