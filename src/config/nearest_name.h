// SPDX-License-Identifier: Apache-2.0
// The known name that a misspelt one most probably stands for.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace neso {

// The candidate with the fewest edits (insert, delete, replace, swap neighbours), the first of
// equals; nullopt when even that one is too far to be a typing error.
std::optional<std::string> nearest_name(std::string_view written,
                                        std::span<const std::string> candidates);

}  // namespace neso
