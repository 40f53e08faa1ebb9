// SPDX-License-Identifier: Apache-2.0
// The instruction sets that kernels exist for. No std header here: the kernels' files include it
// (kernel_tables.h).
#pragma once

namespace neso {

// Ascending: each one implies those before it of the same machine, x86-64 or arm64, and Generic.
enum class Isa {
  Generic,
  Avx2,
  Avx512,
  Avx512Vnni,
  Avx512Bf16,
  Avx512Amx,
  Neon,
  NeonDotprod,
  NeonI8mm,
  NeonBf16
};

}  // namespace neso
