// SPDX-License-Identifier: Apache-2.0
#include "trace/trace_context.h"

namespace neso {
namespace {

constexpr size_t kMaxStateBytes = 512;

constexpr std::string_view kDigits = "0123456789abcdef";

bool is_hexadecimal(std::string_view text) {
  return text.find_first_not_of(kDigits) == std::string_view::npos;
}
bool is_id(std::string_view text) {
  return is_hexadecimal(text) && text.find_first_not_of('0') != std::string_view::npos;
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
  const std::string_view flags = parent.substr(53, 2);
  if (!is_hexadecimal(version) || !is_hexadecimal(flags)) return std::nullopt;
  TraceContext context{.trace_id = std::string(parent.substr(3, 32)),
                       .span_id = std::string(parent.substr(36, 16)),
                       .sampled = kDigits.find(flags[1]) % 2 != 0};
  if (!is_id(context.trace_id) || !is_id(context.span_id)) return std::nullopt;
  if (state.size() <= kMaxStateBytes) context.state = state;
  return context;
}

}  // namespace neso
