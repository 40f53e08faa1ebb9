// SPDX-License-Identifier: Apache-2.0
// The tables that the server logs at start, with Triton's headings and rows.
#pragma once

#include <string>
#include <vector>

#include "config/server_options.h"
#include "serving/repository.h"

namespace neso {

std::string model_table(const std::vector<ModelStatusRow>& models);
std::string option_table_text(const ServerOptions& options);

}  // namespace neso
