// SPDX-License-Identifier: Apache-2.0
#include "trace/trace_context.h"

#include <algorithm>
#include <charconv>

namespace neso {
namespace {

constexpr size_t kMaxStateBytes = 512;

bool is_id(std::string_view text) {
  const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  return std::ranges::all_of(text, is_digit) &&
         std::ranges::any_of(text, [](char c) { return c != '0'; });
}

}  // namespace

std::optional<TraceContext> parse_trace_context(std::string_view parent, std::string_view state) {
  // 00-<trace id>-<span id>-<flags>; a later version may say more behind that.
  constexpr size_t kSize = 55;
  if (parent.size() < kSize || parent[2] != '-' || parent[35] != '-' || parent[52] != '-')
    return std::nullopt;
  const std::string_view version = parent.substr(0, 2);
  const bool later = parent.size() > kSize;
  if (version == "ff" || (later && (version == "00" || parent[kSize] != '-'))) return std::nullopt;
  unsigned flags = 0;
  for (const std::string_view number : {version, parent.substr(53, 2)}) {
    const char* end = number.data() + number.size();
    if (std::from_chars(number.data(), end, flags, 16).ptr != end) return std::nullopt;
  }
  TraceContext context{.trace_id = std::string(parent.substr(3, 32)),
                       .span_id = std::string(parent.substr(36, 16)),
                       .sampled = (flags & 1U) != 0};
  if (!is_id(context.trace_id) || !is_id(context.span_id)) return std::nullopt;
  if (state.size() <= kMaxStateBytes) context.state = state;
  return context;
}

}  // namespace neso
