// SPDX-License-Identifier: Apache-2.0
#include "api/grpc/model_version.h"

#include <cerrno>
#include <cstdlib>

#include "base/cut_text.h"
#include "base/error.h"

namespace neso::grpc_api {

Result<std::optional<int64_t>> read_version(const std::string& text) {
  if (text.empty()) return std::optional<int64_t>();
  char* end = nullptr;
  errno = 0;
  const int64_t version = std::strtoll(text.c_str(), &end, 10);
  if (end == text.c_str() || errno == ERANGE) {
    return invalid_argument(
        "failed to get model version from specified version string '{}' (details: stol), version "
        "should be an integral value > 0",
        cut_text(text, 64));
  }
  if (version < 0) {
    return invalid_argument(
        "invalid model version specified '{}' , version should be an integral value > 0",
        cut_text(text, 64));
  }
  return std::optional<int64_t>(version);
}

}  // namespace neso::grpc_api
