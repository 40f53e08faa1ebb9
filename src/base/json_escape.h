// SPDX-License-Identifier: Apache-2.0
// A JSON string literal from raw bytes: quotes, backslash and control characters escaped as Triton
// escapes them (\b \t \n \f \r, else \u00XX), all else copied: '/' and non-ASCII stay as they are.
#pragma once

#include <string>
#include <string_view>

namespace neso {

// Appends `text` with quotes. The bytes are not checked for UTF-8.
void append_json_quoted(std::string& out, std::string_view text);
std::string json_quoted(std::string_view text);

}  // namespace neso
