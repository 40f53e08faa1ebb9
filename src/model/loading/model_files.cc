// SPDX-License-Identifier: Apache-2.0
#include "model/loading/model_files.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "checkpoint/encoder_weights.h"
#include "checkpoint/reference_vectors.h"

namespace neso {
namespace {

namespace fs = std::filesystem;

bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

bool describes_model(const fs::path& folder) {
  return is_there(folder / "config.json") || is_there(folder / "modules.json");
}

bool has_safetensors(const fs::path& folder) {
  return is_there(folder / "model.safetensors") ||
         is_there(folder / "model.safetensors.index.json");
}

// A description in the model folder may belong to weights in the version folder.
Result<> add_weights(const ModelSource& source, Checkpoint& checkpoint) {
  const fs::path folder = source.version_folder();
  const bool has_its_own = checkpoint.weights && checkpoint.onnx_weights.empty();
  if (has_its_own || !has_safetensors(folder) || checkpoint.folder == folder) return {};
  if (checkpoint.architecture.family.empty()) return {};  // only ONNX Runtime can run it
  NESO_TRY(checkpoint.weights, open_safetensors(folder));
  const auto names = encoder_weight_names(checkpoint);
  if (!names) return names.error();
  warn_of_unused_layers(checkpoint);
  checkpoint.onnx_weights.clear();
  checkpoint.no_weights_reason.clear();
  return {};
}

// Of the graph that runs, which need not be the one that the description has beside it.
void use_weights_of(const fs::path& onnx, Checkpoint& checkpoint) {
  const bool has_safetensors = checkpoint.weights && checkpoint.onnx_weights.empty();
  if (has_safetensors || onnx == checkpoint.folder / "model.onnx") return;
  checkpoint.weights = nullptr;
  checkpoint.onnx_weights.clear();
  use_onnx_weights(onnx, checkpoint);
}

Result<std::optional<Checkpoint>> find_checkpoint(const ModelSource& source) {
  const fs::path version_folder = source.version_folder();
  const fs::path* folder = nullptr;
  if (describes_model(version_folder)) {
    folder = &version_folder;
    // Half a description would be read as "no pooling settings, no normalisation": silently wrong.
    for (const char* file : {"modules.json", "config.json"}) {
      if (!is_there(version_folder / file) && is_there(source.model_folder / file)) {
        return invalid_argument(
            "{} is in the model folder, but other files that describe the model are in version "
            "folder {}; keep them together",
            file, source.version);
      }
    }
  } else if (describes_model(source.model_folder)) {
    folder = &source.model_folder;
  }
  if (folder == nullptr) return std::optional<Checkpoint>();
  NESO_TRY(Checkpoint checkpoint, open_checkpoint(*folder));
  NESO_TRY_VOID(add_weights(source, checkpoint));
  return std::optional<Checkpoint>(std::move(checkpoint));
}

// In the version folder or else in the model folder; empty: in none.
fs::path find_beside(const ModelSource& source, std::string_view file) {
  for (const fs::path& folder : {source.version_folder(), source.model_folder}) {
    if (is_there(folder / file)) return folder / file;
  }
  return {};
}

}  // namespace

Result<ModelFiles> find_model_files(const ModelSource& source, const ModelConfig& config) {
  // Commands without a server may have a model folder alone.
  const auto access = check_folder_access(source.version_folder());
  if (!access && access.error().code != ErrorCode::NotFound) return access.error();
  ModelFiles files;
  NESO_TRY(files.checkpoint, find_checkpoint(source));
  files.tokenizer_json = find_beside(source, "tokenizer.json");
  if (files.tokenizer_json.empty() && files.checkpoint) {
    files.tokenizer_json = files.checkpoint->tokenizer_json;
  }
  files.reference_vectors = find_beside(source, kReferenceVectorsFile);

  // The config has made sure that the name stays inside; links may lead anywhere.
  std::string file =
      config.default_model_filename.empty() ? "model.onnx" : config.default_model_filename;
  fs::path onnx = (access ? source.version_folder() : source.model_folder) / file;
  std::error_code error;
  if (fs::is_directory(onnx, error)) {
    onnx /= "model.onnx";
    file += "/model.onnx";
  }
  files.candidates.has_onnx = is_there(onnx) && onnx.extension() == ".onnx";
  files.candidates.onnx_file = access ? fmt::format("{}/{}", source.version, file) : file;
  if (files.candidates.has_onnx) files.onnx_model = onnx;
  if (files.checkpoint) {
    if (files.candidates.has_onnx) use_weights_of(onnx, *files.checkpoint);
    files.candidates.has_onnx_weights =
        files.candidates.has_onnx && files.checkpoint->onnx_weights == onnx;
    files.candidates.has_weights =
        files.checkpoint->weights != nullptr && files.checkpoint->onnx_weights.empty();
    files.candidates.no_weights_reason = files.checkpoint->no_weights_reason;
    files.weights_folder =
        files.candidates.has_onnx_weights ? onnx.parent_path() : source.version_folder();
  }
  files.find_again = [source, config] { return find_model_files(source, config); };
  return files;
}

}  // namespace neso
