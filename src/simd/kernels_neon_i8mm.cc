// SPDX-License-Identifier: Apache-2.0
// Kernels for NEON with DotProd and I8MM: products of u8 and s8 in one instruction.
#if defined(__aarch64__)

#include <arm_neon.h>

#include "simd/kernel_tables.h"

namespace neso {
namespace {

#include "simd/vectors_neon.inc"

#include "simd/bf16_by_hand_neon.inc"

#include "simd/dot_i8mm.inc"

#include "simd/kernel_set.inc"

}  // namespace

const KernelTable kNeonI8mmKernels = kernel_set(Isa::NeonI8mm);

}  // namespace neso

#endif  // defined(__aarch64__)
