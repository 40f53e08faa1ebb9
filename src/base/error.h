// SPDX-License-Identifier: Apache-2.0
// Error constructors with fmt arguments:
//   return invalid_argument("id {} is outside the vocabulary of {}", id, size);
#pragma once

#include <fmt/format.h>

#include "base/result.h"

namespace neso {

#define NESO_ERROR_CONSTRUCTOR(function, error_code)                            \
  template <typename... Args>                                                   \
  Error function(fmt::format_string<Args...> format, Args&&... args) {          \
    return Error{error_code, fmt::format(format, std::forward<Args>(args)...)}; \
  }

NESO_ERROR_CONSTRUCTOR(invalid_argument, ErrorCode::InvalidArgument)
NESO_ERROR_CONSTRUCTOR(not_found, ErrorCode::NotFound)
NESO_ERROR_CONSTRUCTOR(already_exists, ErrorCode::AlreadyExists)
NESO_ERROR_CONSTRUCTOR(unsupported, ErrorCode::Unsupported)
NESO_ERROR_CONSTRUCTOR(too_large, ErrorCode::TooLarge)
NESO_ERROR_CONSTRUCTOR(overloaded, ErrorCode::Overloaded)
NESO_ERROR_CONSTRUCTOR(not_ready, ErrorCode::NotReady)
NESO_ERROR_CONSTRUCTOR(deadline_exceeded, ErrorCode::DeadlineExceeded)
NESO_ERROR_CONSTRUCTOR(cancelled, ErrorCode::Cancelled)
NESO_ERROR_CONSTRUCTOR(internal_error, ErrorCode::Internal)

#undef NESO_ERROR_CONSTRUCTOR

// What a request is told when an allocation for it failed.
inline Error out_of_memory() {
  return overloaded("the server has no memory left for this request; try again later");
}

}  // namespace neso
