// SPDX-License-Identifier: Apache-2.0
// Where neso keeps what it can fetch or compute again.
#pragma once

#include <filesystem>

#include "base/result.h"
#include "config/environment.h"

namespace neso {

// The variable that names it.
inline constexpr const char* kCacheVariable = "NESO_CACHE";

// $NESO_CACHE, else $XDG_CACHE_HOME/neso, else $HOME/.cache/neso. Nothing is created. As the XDG
// rules say, a relative XDG_CACHE_HOME is ignored. NotFound when none of the three is set.
Result<std::filesystem::path> cache_folder(const Environment& environment);

}  // namespace neso
