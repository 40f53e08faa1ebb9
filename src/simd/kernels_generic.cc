// SPDX-License-Identifier: Apache-2.0
// Kernels for any CPU: four lanes through the compiler's vector extension (SSE2 on x86-64, NEON on
// arm64), multiply and add rounded separately (-ffp-contract=off), so that every compiler gives the
// same bits.
#include "simd/kernel_tables.h"

namespace neso {
namespace {

typedef float Vec __attribute__((vector_size(16)));
typedef int VecInt __attribute__((vector_size(16)));
typedef unsigned VecUint __attribute__((vector_size(16)));

// A value in a register, as an operand of inline assembly.
#if defined(__aarch64__)
#define NESO_REGISTER(value) "+w"(value)
#else
#define NESO_REGISTER(value) "+x"(value)
#endif

constexpr size_t kLanes = 4;
constexpr int kPanelVectors = 2;  // columns of a full panel, in vectors
constexpr int kAccumulators =
    8;  // rows x vectors of a tile: what the registers hold beside operands

inline Vec set1(float x) {
  return Vec{x, x, x, x};
}
inline Vec load(const float* p) {
  Vec v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
inline VecInt set1_int(int x) {
  return VecInt{x, x, x, x};
}
inline VecInt load_int(const int* p) {
  VecInt v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
inline Vec load_bf16(const Bf16* p) {
  return reinterpret_cast<Vec>(VecUint{p[0], p[1], p[2], p[3]} << 16);
}
inline void store(float* p, Vec v) {
  __builtin_memcpy(p, &v, sizeof v);
}
// The low half of each lane.
inline void store_low_halves(Bf16* p, VecUint v) {
  for (size_t i = 0; i < kLanes; ++i) p[i] = static_cast<Bf16>(v[i]);
}
// The low byte of each lane.
inline void store_low_bytes(uint8_t* p, VecInt v) {
  for (size_t i = 0; i < kLanes; ++i) p[i] = static_cast<uint8_t>(v[i]);
}
inline Vec to_float(VecInt v) {
  return __builtin_convertvector(v, Vec);
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

#include "simd/bf16_by_hand.inc"
#include "simd/left_in_all_lanes.inc"

// sum + the products of four u8 and four s8.
inline VecInt dot_int8(VecInt sum, VecInt a, VecInt b) {
  for (int bit = 0; bit < 32; bit += 8) {
    const VecInt x = (a >> bit) & 0xFF;
    const VecInt y = reinterpret_cast<VecInt>(reinterpret_cast<VecUint>(b) << (24 - bit)) >> 24;
    sum = sum + x * y;
  }
  return sum;
}

#include "simd/kernel_set.inc"

}  // namespace

const KernelTable kGenericKernels = kernel_set(Isa::Generic);

}  // namespace neso
