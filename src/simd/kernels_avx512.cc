// SPDX-License-Identifier: Apache-2.0
// Kernels for AVX-512 (F, DQ, VL, BW): sixteen lanes, thirty-two registers.
#if defined(__x86_64__)

#include <immintrin.h>

#include "simd/kernel_tables.h"

namespace neso {
namespace {

typedef __m512 Vec;
typedef int VecInt __attribute__((vector_size(64)));

constexpr size_t kLanes = 16;
constexpr int kPanelVectors = 4;
constexpr int kAccumulators = 24;
constexpr Isa kIsa = Isa::Avx512;

inline Vec set1(float x) {
  return _mm512_set1_ps(x);
}
inline Vec load(const float* p) {
  return _mm512_loadu_ps(p);
}
inline void store(float* p, Vec v) {
  _mm512_storeu_ps(p, v);
}
inline Vec multiply_add(Vec a, Vec b, Vec c) {
  return _mm512_fmadd_ps(a, b, c);
}
// The second operand when one of them is NaN.
inline Vec maximum(Vec a, Vec b) {
  return _mm512_max_ps(a, b);
}
inline Vec minimum(Vec a, Vec b) {
  return _mm512_min_ps(a, b);
}
inline Vec iota() {
  return _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}
// Entry (index mod 16) of a table of 16.
inline Vec lookup16(const float* table, VecInt index) {
  return _mm512_permutexvar_ps(reinterpret_cast<__m512i>(index), _mm512_loadu_ps(table));
}

#include "simd/row_ops.inc"
// The product uses the row operations' activations.
#include "simd/product.inc"

}  // namespace

const KernelTable kAvx512Kernels = {kIsa, kPanelVectors* kLanes, product, layer_norm, softmax};

}  // namespace neso

#endif  // defined(__x86_64__)
