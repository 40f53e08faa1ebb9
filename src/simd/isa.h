// SPDX-License-Identifier: Apache-2.0
// The instruction sets that kernels exist for. No std header here: the kernels' files include it
// (kernel_tables.h).
#pragma once

namespace neso {

// Ascending: each one implies those before it.
enum class Isa { Generic, Avx2, Avx512, Avx512Vnni, Avx512Bf16 };

}  // namespace neso
