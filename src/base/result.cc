// SPDX-License-Identifier: Apache-2.0
#include "base/result.h"

namespace neso {

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::InvalidArgument:
      return "InvalidArgument";
    case ErrorCode::NotFound:
      return "NotFound";
    case ErrorCode::AlreadyExists:
      return "AlreadyExists";
    case ErrorCode::Unsupported:
      return "Unsupported";
    case ErrorCode::TooLarge:
      return "TooLarge";
    case ErrorCode::Overloaded:
      return "Overloaded";
    case ErrorCode::NotReady:
      return "NotReady";
    case ErrorCode::DeadlineExceeded:
      return "DeadlineExceeded";
    case ErrorCode::Cancelled:
      return "Cancelled";
    case ErrorCode::Internal:
      return "Internal";
  }
  return "Internal";
}

Error Error::with_context(std::string_view context) const {
  std::string text(context);
  text += ": ";
  text += message;
  return Error{code, std::move(text), retry_after_ms};
}

}  // namespace neso
