// SPDX-License-Identifier: Apache-2.0
// Kernels for AVX2 with FMA: eight lanes, sixteen registers.
#if defined(__x86_64__)

#include <immintrin.h>

#include "simd/kernel_tables.h"

namespace neso {
namespace {

typedef __m256 Vec;
typedef int VecInt __attribute__((vector_size(32)));
typedef unsigned VecUint __attribute__((vector_size(32)));

// A value in a register, as an operand of inline assembly.
#define NESO_REGISTER(value) "+x"(value)

constexpr size_t kLanes = 8;
constexpr int kPanelVectors = 2;
constexpr int kAccumulators = 12;

inline Vec set1(float x) {
  return _mm256_set1_ps(x);
}
inline Vec load(const float* p) {
  return _mm256_loadu_ps(p);
}
inline VecInt set1_int(int x) {
  return reinterpret_cast<VecInt>(_mm256_set1_epi32(x));
}
inline VecInt load_int(const int* p) {
  return reinterpret_cast<VecInt>(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
inline Vec load_bf16(const Bf16* p) {
  const __m128i half = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16));
}
inline void store(float* p, Vec v) {
  _mm256_storeu_ps(p, v);
}
// The low half of each lane.
inline void store_low_halves(Bf16* p, VecUint v) {
  const __m256i low = _mm256_and_si256(reinterpret_cast<__m256i>(v), _mm256_set1_epi32(0xFFFF));
  const __m128i packed =
      _mm_packus_epi32(_mm256_castsi256_si128(low), _mm256_extracti128_si256(low, 1));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), packed);
}
// The low byte of each lane.
inline void store_low_bytes(uint8_t* p, VecInt v) {
  const __m256i low = _mm256_and_si256(reinterpret_cast<__m256i>(v), _mm256_set1_epi32(0xFF));
  const __m128i halves =
      _mm_packus_epi32(_mm256_castsi256_si128(low), _mm256_extracti128_si256(low, 1));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packus_epi16(halves, halves));
}
inline Vec to_float(VecInt v) {
  return _mm256_cvtepi32_ps(reinterpret_cast<__m256i>(v));
}
inline Vec multiply_add(Vec a, Vec b, Vec c) {
  return _mm256_fmadd_ps(a, b, c);
}
// The second operand when one of them is NaN.
inline Vec maximum(Vec a, Vec b) {
  return _mm256_max_ps(a, b);
}
inline Vec minimum(Vec a, Vec b) {
  return _mm256_min_ps(a, b);
}
inline Vec iota() {
  return _mm256_setr_ps(0, 1, 2, 3, 4, 5, 6, 7);
}
// Entry (index mod 16) of a table of 16: two permutations of eight, chosen between by bit 3.
inline Vec lookup16(const float* table, VecInt index) {
  const __m256i i = reinterpret_cast<__m256i>(index);
  const Vec low = _mm256_permutevar8x32_ps(_mm256_loadu_ps(table), i);
  const Vec high = _mm256_permutevar8x32_ps(_mm256_loadu_ps(table + 8), i);
  return _mm256_blendv_ps(low, high, _mm256_castsi256_ps(_mm256_slli_epi32(i, 28)));
}

#include "simd/bf16_by_hand.inc"
#include "simd/left_in_all_lanes.inc"

// sum + the products of four u8 and four s8, exact: even and odd bytes widened to 16 bits.
// (vpmaddubsw would saturate.)
inline VecInt dot_int8(VecInt sum, VecInt a, VecInt b) {
  const __m256i x = reinterpret_cast<__m256i>(a);
  const __m256i y = reinterpret_cast<__m256i>(b);
  const __m256i even = _mm256_madd_epi16(_mm256_and_si256(x, _mm256_set1_epi16(0xFF)),
                                         _mm256_srai_epi16(_mm256_slli_epi16(y, 8), 8));
  const __m256i odd = _mm256_madd_epi16(_mm256_srli_epi16(x, 8), _mm256_srai_epi16(y, 8));
  return sum + reinterpret_cast<VecInt>(_mm256_add_epi32(even, odd));
}

#include "simd/kernel_set.inc"

}  // namespace

const KernelTable kAvx2Kernels = kernel_set(Isa::Avx2);

}  // namespace neso

#endif  // defined(__x86_64__)
