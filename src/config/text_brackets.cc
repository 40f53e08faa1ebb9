// SPDX-License-Identifier: Apache-2.0
#include "config/text_brackets.h"

#include <algorithm>
#include <vector>

namespace neso {
namespace {

constexpr std::string_view kOpening = "{[<";
constexpr std::string_view kClosing = "}]>";

// The offset after the string that starts at `start`; nullopt when its line ends first.
std::optional<size_t> string_end(std::string_view text, size_t start) {
  for (size_t i = start + 1; i < text.size() && text[i] != '\n'; ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == text[start]) {
      return i + 1;
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<BracketFault> find_bracket_fault(std::string_view text) {
  std::vector<size_t> open;
  for (size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (c == '#') {
      i = std::min(text.find('\n', i), text.size());
      continue;
    }
    if (c == '"' || c == '\'') {
      const auto end = string_end(text, i);
      if (!end) return std::nullopt;
      i = *end;
      continue;
    }
    if (kOpening.find(c) != std::string_view::npos) open.push_back(i);
    if (const size_t kind = kClosing.find(c); kind != std::string_view::npos) {
      if (open.empty()) return BracketFault{.open = std::nullopt, .at = i};
      if (text[open.back()] != kOpening[kind]) return BracketFault{.open = open.back(), .at = i};
      open.pop_back();
    }
    ++i;
  }
  if (open.empty()) return std::nullopt;
  return BracketFault{.open = open.back(), .at = text.size()};
}

}  // namespace neso
