// SPDX-License-Identifier: Apache-2.0
// Kernels for any CPU: four lanes through the compiler's vector extension (SSE2 on x86-64, NEON on
// arm64), multiply and add rounded separately (-ffp-contract=off), so that every compiler gives the
// same bits.
#include "simd/kernel_tables.h"

namespace neso {
namespace {

typedef float Vec __attribute__((vector_size(16)));
typedef int VecInt __attribute__((vector_size(16)));

constexpr size_t kLanes = 4;
constexpr int kPanelVectors = 2;  // columns of a full panel, in vectors
constexpr int kAccumulators =
    8;  // rows x vectors of a tile: what the registers hold beside operands
constexpr Isa kIsa = Isa::Generic;

inline Vec set1(float x) {
  return Vec{x, x, x, x};
}
inline Vec load(const float* p) {
  Vec v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
inline void store(float* p, Vec v) {
  __builtin_memcpy(p, &v, sizeof v);
}
inline Vec multiply_add(Vec a, Vec b, Vec c) {
  return a * b + c;
}
// The second operand when one of them is NaN, as x86's instructions do.
inline Vec maximum(Vec a, Vec b) {
  return a > b ? a : b;
}
inline Vec minimum(Vec a, Vec b) {
  return a < b ? a : b;
}
inline Vec iota() {
  return Vec{0, 1, 2, 3};
}
// Entry (index mod 16) of a table of 16.
inline Vec lookup16(const float* table, VecInt index) {
  return Vec{table[index[0] & 15], table[index[1] & 15], table[index[2] & 15],
             table[index[3] & 15]};
}

#include "simd/row_ops.inc"
// The product uses the row operations' activations.
#include "simd/product.inc"

}  // namespace

const KernelTable kGenericKernels = {kIsa, kPanelVectors* kLanes, product, layer_norm, softmax};

}  // namespace neso
