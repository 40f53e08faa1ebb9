// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace neso {

inline constexpr std::string_view kVersion = NESO_VERSION;  // from CMake's project()

// The release of Triton whose interface is kept; clients and dashboards read it as the server's
// version.
inline constexpr std::string_view kTritonVersion = "2.51.0";

}  // namespace neso
