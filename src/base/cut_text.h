// SPDX-License-Identifier: Apache-2.0
// The beginning of a text, for places with a limit.
#pragma once

#include <cstddef>
#include <string_view>

namespace neso {

// At most `most` bytes of UTF-8, cut between two characters.
inline std::string_view cut_text(std::string_view text, size_t most) {
  if (text.size() <= most) return text;
  size_t end = most;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return text.substr(0, end);
}

}  // namespace neso
