// SPDX-License-Identifier: Apache-2.0
// Foreign text made fit to be shown: names of folders and words of clients can hold anything.
#pragma once

#include <string>
#include <string_view>

namespace neso {

// Valid UTF-8 without control characters: line breaks and tabs become blanks, all else that is
// neither becomes '?'.
std::string printable(std::string_view text);

}  // namespace neso
