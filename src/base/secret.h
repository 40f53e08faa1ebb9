// SPDX-License-Identifier: Apache-2.0
// Comparing what a client sent with what it should know.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace neso {

// Whether they are equal, in a time that does not tell how much of `given` is right. The length of
// the secret is no secret.
inline bool same_secret(std::string_view given, std::string_view secret) {
  unsigned difference = given.size() == secret.size() ? 0 : 1;
  for (size_t i = 0; i < std::min(given.size(), secret.size()); ++i)
    difference |= static_cast<unsigned char>(given[i]) ^ static_cast<unsigned char>(secret[i]);
  return difference == 0;
}

}  // namespace neso
