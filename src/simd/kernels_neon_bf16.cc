// SPDX-License-Identifier: Apache-2.0
// Kernels for NEON with I8MM and BF16.
#if defined(__aarch64__)

#include <arm_neon.h>

#include "simd/kernel_tables.h"

namespace neso {
namespace {

#include "simd/vectors_neon.inc"

constexpr bool kMultipliesBf16 = true;

// Rounded to nearest, ties to even; NaN stays NaN.
inline void store_bf16(Bf16* p, Vec v) {
  vst1_u16(p, vreinterpret_u16_bf16(vcvt_bf16_f32(v)));
}

inline bfloat16x4_t left_bf16(const int* a) {
  return vreinterpret_bf16_u32(left_unit(a));
}

// sum + the products of the pairs. BFDOT flushes denormals and rounds in its own way, to odd,
// whatever the thread is set to. (BFMMLA does twice as much, but wants the layout that dot_i8mm.inc
// speaks of.)
inline Vec dot_bf16(Vec sum, bfloat16x4_t a, VecInt b) {
  return vbfdotq_lane_f32(sum, vreinterpretq_bf16_s32(b), a, 0);
}

#include "simd/dot_i8mm.inc"

#include "simd/kernel_set.inc"

}  // namespace

const KernelTable kNeonBf16Kernels = kernel_set(Isa::NeonBf16);

}  // namespace neso

#endif  // defined(__aarch64__)
