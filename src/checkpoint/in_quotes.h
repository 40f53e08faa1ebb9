// SPDX-License-Identifier: Apache-2.0
// Words from a model's files, made safe for an error message: quoted, escaped and cut when long.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace neso {

std::string in_quotes(std::string_view word);
// "a", "b", "c"
std::string list_in_quotes(std::span<const std::string_view> words);

}  // namespace neso
