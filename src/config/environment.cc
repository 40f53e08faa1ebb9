// SPDX-License-Identifier: Apache-2.0
#include "config/environment.h"

#include <cstdlib>

namespace neso {

Environment process_environment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) return std::nullopt;
    return std::string(value);
  };
}

}  // namespace neso
