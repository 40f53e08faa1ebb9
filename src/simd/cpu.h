// SPDX-License-Identifier: Apache-2.0
// What this process's CPU can do: asked once at run time, never of the compiler.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "simd/isa.h"

namespace neso {

std::string_view to_string(Isa isa);  // "generic", "avx2", "neon_dotprod", ...

// By its name; empty is the best. Refuses what this CPU lacks, with the list of what it has, and
// avx512_amx also where its products are wrong (simd/product_proof.h), which the log then tells.
Result<Isa> choose_isa(std::string_view name);
// The same out of these facts.
Result<Isa> choose_isa(std::string_view name, std::vector<Isa> isas, const Result<>& amx_usable);

// Those that this build has kernels for and that both CPU and operating system support. Never
// empty, ascending.
std::vector<Isa> supported_isas();

}  // namespace neso
