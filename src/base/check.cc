// SPDX-License-Identifier: Apache-2.0
#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace neso {

void check_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "neso: internal error at %s:%d: %s is false\n", file, line, condition);
  std::abort();
}

}  // namespace neso
