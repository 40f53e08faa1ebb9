// SPDX-License-Identifier: Apache-2.0
// NESO_CHECK: for bugs of ours, not for bad input. A failed check prints itself and aborts.
#pragma once

namespace neso {
[[noreturn]] void check_failed(const char* condition, const char* file, int line);
}  // namespace neso

#define NESO_CHECK(condition)                                               \
  do {                                                                      \
    if (!(condition)) ::neso::check_failed(#condition, __FILE__, __LINE__); \
  } while (false)
