// SPDX-License-Identifier: Apache-2.0
#include "base/json_escape.h"

#include <array>

#include "base/find_byte.h"

namespace neso {
namespace {

// What follows the backslash for each byte: 0 for a byte that is copied, 'u' for \u00XX.
constexpr std::array<char, 256> make_escapes() {
  std::array<char, 256> escapes{};
  for (size_t control = 0; control < 0x20; ++control) escapes[control] = 'u';
  escapes['\b'] = 'b';
  escapes['\t'] = 't';
  escapes['\n'] = 'n';
  escapes['\f'] = 'f';
  escapes['\r'] = 'r';
  escapes['"'] = '"';
  escapes['\\'] = '\\';
  return escapes;
}

constexpr std::array<char, 256> kEscapes = make_escapes();

// As kEscapes, without a table, for many bytes at once.
constexpr auto is_escaped = [](auto byte) {
  return (byte < 0x20) | (byte == '"') | (byte == '\\');
};

}  // namespace

void append_json_quoted(std::string& out, std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  out += '"';
  size_t copied = 0;  // bytes of `text` that are in `out`
  while (true) {
    const size_t next = find_byte(text, copied, is_escaped);
    out += text.substr(copied, next - copied);
    if (next == text.size()) break;
    copied = next + 1;
    const auto byte = static_cast<unsigned char>(text[next]);
    const char escape = kEscapes[byte];
    out += '\\';
    out += escape;
    if (escape == 'u') {
      out += "00";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  out += '"';
}

std::string json_quoted(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 2);
  append_json_quoted(out, text);
  return out;
}

}  // namespace neso
