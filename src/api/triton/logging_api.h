// SPDX-License-Identifier: Apache-2.0
// Triton's logging extension over HTTP: /v2/logging tells and changes the log's settings.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "net/router.h"

namespace neso::triton {

std::string log_settings_json(const LogSettings& settings);

// Puts a POST's settings in force, one after the other: after an error the earlier ones stay, as in
// Triton. null keeps a setting, an unknown member is passed over.
Result<> apply_log_settings(std::string_view body);

void add_logging_routes(std::vector<net::Route>& routes);

}  // namespace neso::triton
