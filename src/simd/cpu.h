// SPDX-License-Identifier: Apache-2.0
// What this process's CPU can do: asked once at run time, never of the compiler.
#pragma once

#include <string_view>
#include <vector>

#include "simd/isa.h"

namespace neso {

std::string_view to_string(Isa isa);  // "generic", "avx2", "avx512", ...

// Those that this build has kernels for and that both CPU and operating system support. Never
// empty, ascending.
std::vector<Isa> supported_isas();

}  // namespace neso
