// SPDX-License-Identifier: Apache-2.0
// Kernels for NEON with DotProd: products of bytes in one instruction, SDOT, whose operands are
// both signed.
#if defined(__aarch64__)

#include <arm_neon.h>

#include "simd/kernel_tables.h"

namespace neso {
namespace {

#include "simd/vectors_neon.inc"

#include "simd/bf16_by_hand_neon.inc"

// The bytes less 128, signed.
inline int8x8_t left_int8(const int* a) {
  return vcreate_s8(uint64_t{static_cast<uint32_t>(*a) ^ 0x80808080U});
}
constexpr int kInt8Offset = 128;

// sum + the products of four s8 and four s8, exact.
inline VecInt dot_int8(VecInt sum, int8x8_t a, VecInt b) {
  return vdotq_lane_s32(sum, vreinterpretq_s8_s32(b), a, 0);
}

#include "simd/kernel_set.inc"

}  // namespace

const KernelTable kNeonDotprodKernels = kernel_set(Isa::NeonDotprod);

}  // namespace neso

#endif  // defined(__aarch64__)
