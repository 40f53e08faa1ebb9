// SPDX-License-Identifier: Apache-2.0
// Opening a folder: each step reads its files and checks them against what is known so far.
#include "checkpoint/checkpoint.h"

#include <algorithm>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "checkpoint/config_file.h"
#include "checkpoint/encoder_weights.h"
#include "checkpoint/families.h"
#include "checkpoint/modules.h"
#include "checkpoint/onnx_weights.h"
#include "checkpoint/text_settings.h"

namespace neso {

namespace {

namespace fs = std::filesystem;

bool has_onnx_file(const std::vector<FolderEntry>& entries) {
  return std::ranges::any_of(entries, [](const FolderEntry& entry) {
    return !entry.is_folder && entry.name.ends_with(".onnx");
  });
}

// Graphs lie in the folder, in a version folder of it ("1") or in "onnx".
Result<bool> has_onnx_graph(const fs::path& folder) {
  NESO_TRY(const std::vector<FolderEntry> entries, list_folder(folder));
  if (has_onnx_file(entries)) return true;
  return std::ranges::any_of(entries, [&folder](const FolderEntry& entry) {
    if (!entry.is_folder) return false;
    const Result<std::vector<FolderEntry>> below = list_folder(folder / entry.name);
    return below && has_onnx_file(*below);
  });
}

// A folder that ONNX Runtime can run need not be one that our engines can run.
Result<> fill_architecture(const ConfigFile& config, const fs::path& transformer_folder,
                           Checkpoint& checkpoint) {
  const auto ours = [&config]() -> Result<Architecture> {
    NESO_TRY(const Family* family, family_of(config));
    return read_architecture(*family, config);
  };
  Result<Architecture> architecture = ours();
  if (architecture) {
    checkpoint.architecture = *std::move(architecture);
    return {};
  }
  if (architecture.error().code != ErrorCode::Unsupported) return std::move(architecture).error();
  NESO_TRY(const bool has_onnx, has_onnx_graph(transformer_folder));
  if (!has_onnx) return std::move(architecture).error();
  checkpoint.no_weights_reason = architecture.error().message;
  NESO_TRY(checkpoint.architecture, read_foreign_architecture(config));
  return {};
}

// How the tokens' states become a vector, and whether that fits the architecture.
Result<> fill_pooling(const Modules& modules, const ConfigFile& config, Checkpoint& checkpoint) {
  checkpoint.normalize = modules.normalize;
  checkpoint.norm_before_cut = checkpoint.architecture.family == "nomic_bert";
  if (modules.pooling) {
    checkpoint.pooling = *modules.pooling;
  } else {
    NESO_TRY(const bool causal, is_causal_language_model(config));
    checkpoint.pooling.modes = {causal ? PoolingMode::LastToken : PoolingMode::Mean};
  }
  const size_t hidden = checkpoint.architecture.hidden;
  if (modules.pooling_width && hidden != 0 && *modules.pooling_width != hidden) {
    return invalid_argument(
        "{}: the pooling's dimension is {}, but config.json's \"hidden_size\" is {}",
        checkpoint.folder.string(), *modules.pooling_width, hidden);
  }
  return {};
}

Result<> fill_weights(const fs::path& transformer_folder, Checkpoint& checkpoint) {
  if (!checkpoint.no_weights_reason.empty()) return {};
  Result<std::shared_ptr<const WeightStore>> weights = open_safetensors(transformer_folder);
  if (weights) {
    checkpoint.weights = *std::move(weights);
    const Result<EncoderWeightNames> names = encoder_weight_names(checkpoint);
    if (!names) return names.error().with_context(transformer_folder.string());
    warn_of_unused_layers(checkpoint);
    return {};
  }
  if (weights.error().code != ErrorCode::NotFound) return std::move(weights).error();
  checkpoint.no_weights_reason = std::move(weights).error().message;
  std::error_code error;
  if (const fs::path onnx = transformer_folder / "model.onnx"; fs::exists(onnx, error)) {
    use_onnx_weights(onnx, checkpoint);
    if (checkpoint.weights) return {};
  }
  if (fs::exists(transformer_folder / "pytorch_model.bin", error)) {
    checkpoint.no_weights_reason +=
        "; its pytorch_model.bin is not read (pickle can run code): save it as safetensors";
  }
  return {};
}

// The id that fills up shorter rows of a batch where an engine wants rectangles.
Result<> fill_pad_token(const ConfigFile& config, Checkpoint& checkpoint) {
  NESO_TRY(const std::optional<size_t> id, config.size("pad_token_id"));
  const size_t vocabulary = checkpoint.architecture.vocabulary;
  const size_t limit = vocabulary == 0 ? size_t{INT32_MAX} : vocabulary;
  if (id.value_or(0) >= limit) {
    return config.about("pad_token_id",
                        invalid_argument("is {}, outside the vocabulary of {}", *id, limit));
  }
  checkpoint.pad_token_id = static_cast<int32_t>(id.value_or(0));
  return {};
}

}  // namespace

void use_onnx_weights(const fs::path& model, Checkpoint& checkpoint) {
  if (checkpoint.architecture.family.empty()) return;
  const auto open = [&]() -> Result<> {
    NESO_TRY(checkpoint.weights, open_onnx_weights(model));
    NESO_TRY_VOID(encoder_weight_names(checkpoint));
    return {};
  };
  if (const Result<> opened = open(); !opened) {
    checkpoint.weights = nullptr;
    checkpoint.no_weights_reason += fmt::format(
        "{}{} is not an export that our engine can take weights from: {}",
        checkpoint.no_weights_reason.empty() ? "" : "; ", model.string(), opened.error().message);
    return;
  }
  checkpoint.onnx_weights = model;
  checkpoint.no_weights_reason.clear();
  warn_of_unused_layers(checkpoint);
}

Result<Checkpoint> open_checkpoint(const fs::path& folder) {
  NESO_TRY(const Modules modules, read_modules(folder));
  const fs::path& transformer_folder = modules.transformer_folder;
  NESO_TRY(const ConfigFile config, ConfigFile::open(transformer_folder / "config.json"));
  Checkpoint checkpoint;
  checkpoint.folder = folder;
  NESO_TRY_VOID(fill_architecture(config, transformer_folder, checkpoint));
  NESO_TRY_VOID(fill_pooling(modules, config, checkpoint));
  NESO_TRY_VOID(fill_pad_token(config, checkpoint));
  NESO_TRY_VOID(read_token_settings(transformer_folder, checkpoint));
  NESO_TRY_VOID(read_prompt_settings(modules, checkpoint));
  NESO_TRY_VOID(fill_weights(transformer_folder, checkpoint));
  std::error_code error;
  const fs::path tokenizer = transformer_folder / "tokenizer.json";
  if (fs::exists(tokenizer, error)) checkpoint.tokenizer_json = tokenizer;
  return checkpoint;
}

}  // namespace neso
