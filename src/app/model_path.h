// SPDX-License-Identifier: Apache-2.0
// What a user may give as a model on the command line: a model folder, a model of a repository, or
// a name in the cache.
#pragma once

#include <filesystem>
#include <string_view>

#include "base/result.h"
#include "config/environment.h"
#include "model/loading/model_files.h"

namespace neso {

// `model` itself when it holds config.json or model.onnx, else its highest numbered version folder,
// else the same below the cache's models/<model>. NotFound says what was looked at.
Result<ModelSource> find_model(std::string_view model, const Environment& environment);

// The folder that holds the files of a source.
std::filesystem::path model_folder(const ModelSource& source);

}  // namespace neso
