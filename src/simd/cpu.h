// SPDX-License-Identifier: Apache-2.0
// What this process's CPU can do: asked once at run time, never of the compiler.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "simd/isa.h"

namespace neso {

std::string_view to_string(Isa isa);  // "generic", "avx2", "neon_dotprod", ...

// By its name; empty is the fastest. Refuses what this CPU lacks, with the list of what it has, and
// avx512_amx also where its products are wrong (simd/product_proof.h), which the log then tells.
Result<Isa> choose_isa(std::string_view name);

// Are products of bf16 faster with this instruction set's kernels than those of fp32?
bool multiplies_bf16(Isa isa);

// The same out of facts about a CPU.
struct CpuFacts {
  std::vector<Isa> isas;  // as of supported_isas
  Result<> amx_usable;
  // VDPBF16PS is half as fast as widening both operands and multiplying them as fp32.
  bool slow_bf16 = false;
};
Result<Isa> choose_isa(std::string_view name, const CpuFacts& cpu);

// Those that this build has kernels for and that both CPU and operating system support. Never
// empty, ascending.
std::vector<Isa> supported_isas();

}  // namespace neso
