// SPDX-License-Identifier: Apache-2.0
#include "api/triton/model_target.h"

#include <charconv>

#include "base/error.h"

namespace neso::triton {

Result<ModelTarget> target_of(const net::PathParameters& path) {
  ModelTarget target{path["model"], std::nullopt};
  const std::string_view text = path["version"];
  if (text.empty()) return target;
  int64_t version = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), version).ec != std::errc()) {
    return invalid_argument(
        "failed to get model version from specified version string '{}' (details: stol), version "
        "should be an integral value > 0",
        text.substr(0, 64));
  }
  target.version = version;
  return target;
}

}  // namespace neso::triton
