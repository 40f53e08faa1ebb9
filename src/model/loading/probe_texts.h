// SPDX-License-Identifier: Apache-2.0
// Texts that a model is tried with: short and long, prose and code, several scripts. The first few
// run through every engine at load; `neso doctor` and the accuracy tests use all of them.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace neso {

inline constexpr size_t kLoadProbes = 4;  // short ones: a load should not wait for them

std::span<const std::string_view> probe_texts();

}  // namespace neso
