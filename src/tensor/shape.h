// SPDX-License-Identifier: Apache-2.0
// Shapes: sizes per dimension, outermost first; -1 is "any" in a declared shape and never occurs in
// a tensor's own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace neso {

using Shape = std::vector<int64_t>;

// The product of the sizes; nullopt when a size is negative or the product leaves int64. The empty
// shape has 1.
std::optional<int64_t> element_count(std::span<const int64_t> shape);

// "[1,-1,384]", as Triton prints shapes.
std::string shape_text(std::span<const int64_t> shape);

// True when every size equals the declared one or the declared one is -1.
bool shape_matches(std::span<const int64_t> declared, std::span<const int64_t> shape);

}  // namespace neso
