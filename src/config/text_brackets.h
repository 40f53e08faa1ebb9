// SPDX-License-Identifier: Apache-2.0
// Where the brackets of a text-format file do not pair: a parser only tells where it lost its way.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace neso {

struct BracketFault {
  std::optional<size_t> open;  // offset of the bracket that is still open; empty: none is
  size_t at = 0;  // of the closing bracket that does not fit; the text's size at its end
};

// The first fault; nullopt when all brackets pair, or a string does not end on its line.
std::optional<BracketFault> find_bracket_fault(std::string_view text);

}  // namespace neso
