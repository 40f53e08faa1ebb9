// SPDX-License-Identifier: Apache-2.0
// Kernels for AVX-512 (F, DQ, VL, BW).
#if defined(__x86_64__)

#include <immintrin.h>

#include "simd/kernel_tables.h"

namespace neso {
namespace {

#include "simd/vectors_avx512.inc"

#include "simd/bf16_by_hand.inc"

// sum + the products of four u8 and four s8, exact: even and odd bytes widened to 16 bits.
inline VecInt dot_int8(VecInt sum, VecInt a, VecInt b) {
  const __m512i x = reinterpret_cast<__m512i>(a);
  const __m512i y = reinterpret_cast<__m512i>(b);
  const __m512i even = _mm512_madd_epi16(_mm512_and_si512(x, _mm512_set1_epi16(0xFF)),
                                         _mm512_srai_epi16(_mm512_slli_epi16(y, 8), 8));
  const __m512i odd = _mm512_madd_epi16(_mm512_srli_epi16(x, 8), _mm512_srai_epi16(y, 8));
  return sum + reinterpret_cast<VecInt>(_mm512_add_epi32(even, odd));
}

#include "simd/kernel_set.inc"

}  // namespace

const KernelTable kAvx512Kernels = kernel_set(Isa::Avx512);

}  // namespace neso

#endif  // defined(__x86_64__)
