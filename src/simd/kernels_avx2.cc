// SPDX-License-Identifier: Apache-2.0
// Kernels for AVX2 with FMA: eight lanes, sixteen registers.
#if defined(__x86_64__)

#include <immintrin.h>

#include "simd/kernel_tables.h"

namespace neso {
namespace {

typedef __m256 Vec;
typedef int VecInt __attribute__((vector_size(32)));

constexpr size_t kLanes = 8;
constexpr int kPanelVectors = 2;
constexpr int kAccumulators = 12;
constexpr Isa kIsa = Isa::Avx2;

inline Vec set1(float x) {
  return _mm256_set1_ps(x);
}
inline Vec load(const float* p) {
  return _mm256_loadu_ps(p);
}
inline void store(float* p, Vec v) {
  _mm256_storeu_ps(p, v);
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

#include "simd/row_ops.inc"
// The product uses the row operations' activations.
#include "simd/product.inc"

}  // namespace

const KernelTable kAvx2Kernels = {kIsa, kPanelVectors* kLanes, product, layer_norm, softmax};

}  // namespace neso

#endif  // defined(__x86_64__)
