// SPDX-License-Identifier: Apache-2.0
// Where the files of one model version are: in its version folder, or beside it in the model
// folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "base/result.h"
#include "checkpoint/checkpoint.h"
#include "config/model_config.h"
#include "model/loading/engine_choice.h"

namespace neso {

struct ModelSource {
  std::string name;
  int64_t version = 0;
  std::filesystem::path model_folder;
  std::filesystem::path version_folder() const { return model_folder / std::to_string(version); }
};

struct ModelFiles {
  std::optional<Checkpoint> checkpoint;     // with weights when they are of use
  std::filesystem::path tokenizer_json;     // empty: none
  std::filesystem::path onnx_model;         // empty: none
  std::filesystem::path reference_vectors;  // empty: none
  EngineCandidates candidates;
  std::filesystem::path weights_folder;  // of the checkpoint's weights, if it has any
  // Looks again, for what was let go since.
  std::function<Result<ModelFiles>()> find_again;
};

// Looks at the version folder first, then at the model folder. A description that cannot be
// understood is an error; that files are missing is not.
Result<ModelFiles> find_model_files(const ModelSource& source, const ModelConfig& config);

}  // namespace neso
