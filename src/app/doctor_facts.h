// SPDX-License-Identifier: Apache-2.0
// What a model's files say of it, for `neso doctor`.
#pragma once

#include <vector>

#include "app/doctor_report.h"
#include "base/result.h"
#include "model/loading/model_files.h"

namespace neso {

// The sections "files" and, where a config.json describes the model, "architecture" and "texts". An
// error when the reference vectors cannot be read.
Result<std::vector<FactSection>> file_facts(const ModelSource& source, const ModelFiles& files);

}  // namespace neso
