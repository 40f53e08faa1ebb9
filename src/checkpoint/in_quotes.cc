// SPDX-License-Identifier: Apache-2.0
// Cut at whole characters, so that the result is UTF-8 when the word is.
#include "checkpoint/in_quotes.h"

#include "base/json_escape.h"

namespace neso {

namespace {
constexpr size_t kLongest = 120;  // bytes; real tensor names stay below
}  // namespace

std::string in_quotes(std::string_view word) {
  if (word.size() <= kLongest) return json_quoted(word);
  size_t end = kLongest;
  while (end > 0 && (static_cast<unsigned char>(word[end]) & 0xC0U) == 0x80U)
    --end;  // whole characters
  return json_quoted(word.substr(0, end)) + "...";
}

std::string list_in_quotes(std::span<const std::string_view> words) {
  std::string list;
  for (const std::string_view word : words) {
    if (!list.empty()) list += ", ";
    list += in_quotes(word);
  }
  return list;
}

}  // namespace neso
