// SPDX-License-Identifier: Apache-2.0
#include "config/cache_folder.h"

#include "base/error.h"

namespace neso {

Result<std::filesystem::path> cache_folder(const Environment& environment) {
  const auto value = [&](const char* name) { return environment(name).value_or(""); };
  if (const std::string own = value(kCacheVariable); !own.empty())
    return std::filesystem::path(own);
  const std::filesystem::path xdg = value("XDG_CACHE_HOME");
  if (xdg.is_absolute()) return xdg / "neso";
  if (const std::string home = value("HOME"); !home.empty()) {
    return std::filesystem::path(home) / ".cache" / "neso";
  }
  return not_found(
      "no cache folder: set NESO_CACHE (or XDG_CACHE_HOME, or HOME) to a folder that can be "
      "written");
}

}  // namespace neso
