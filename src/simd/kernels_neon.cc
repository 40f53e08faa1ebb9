// SPDX-License-Identifier: Apache-2.0
// Kernels for every 64-bit Arm CPU: NEON with fused multiply-add.
#if defined(__aarch64__)

#include <arm_neon.h>

#include "simd/kernel_tables.h"

namespace neso {
namespace {

#include "simd/vectors_neon.inc"

#include "simd/bf16_by_hand_neon.inc"

// A unit of a in all lanes: dot_int8 takes it apart.
inline VecInt left_int8(const int* a) {
  return set1_int(*a);
}
constexpr int kInt8Offset = 0;

// sum + the products of four u8 and four s8, exact: even and odd bytes widened to 16 bits, which
// hold any one product.
inline VecInt dot_int8(VecInt sum, VecInt a, VecInt b) {
  const int16x8_t x = vreinterpretq_s16_s32(a);
  const int16x8_t y = vreinterpretq_s16_s32(b);
  const int16x8_t even =
      vmulq_s16(vandq_s16(x, vdupq_n_s16(0xFF)), vshrq_n_s16(vshlq_n_s16(y, 8), 8));
  const uint16x8_t high = vshrq_n_u16(vreinterpretq_u16_s16(x), 8);
  const int16x8_t odd = vmulq_s16(vreinterpretq_s16_u16(high), vshrq_n_s16(y, 8));
  return vpadalq_s16(vpadalq_s16(sum, even), odd);
}

#include "simd/kernel_set.inc"

}  // namespace

const KernelTable kNeonKernels = kernel_set(Isa::Neon);

}  // namespace neso

#endif  // defined(__aarch64__)
