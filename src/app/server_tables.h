// SPDX-License-Identifier: Apache-2.0
// What a start tells: the tables that the server logs, with Triton's headings and rows, and which
// models failed.
#pragma once

#include <string>
#include <vector>

#include "config/server_options.h"
#include "repository/repository.h"

namespace neso {

std::string model_table(const std::vector<ModelStatusRow>& models);
// ": 'bert' version 1: no model.onnx; ..." for the last line of a start that fails, which is all
// that many a supervisor shows: the first few models, with short reasons. The whole ones are in the
// log.
std::string failed_models(const std::vector<ModelStatusRow>& models);
std::string option_table_text(const ServerOptions& options);

}  // namespace neso
