// SPDX-License-Identifier: Apache-2.0
// What the byte-wise scanners of a request share: character classes of RFC 9110 5.6 and their
// verdicts.
#pragma once

#include <string>
#include <string_view>

namespace neso::net {

// Why a request is not served: the answer's status and its sentence. Such an answer always closes
// the connection.
struct Refusal {
  int status = 0;  // 0: none
  std::string sentence;
  explicit operator bool() const { return status != 0; }
};

enum class Scan { NeedMore, Complete, Refused };

inline bool is_token_char(char c) {
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) return true;
  return std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

inline bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

// A byte that no header value, chunk extension or trailer may hold.
inline bool is_forbidden(char c) {
  return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
}

}  // namespace neso::net
