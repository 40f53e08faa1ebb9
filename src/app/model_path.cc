// SPDX-License-Identifier: Apache-2.0
#include "app/model_path.h"

#include <charconv>
#include <optional>

#include "base/error.h"
#include "base/file.h"
#include "config/cache_folder.h"

namespace neso {
namespace {

namespace fs = std::filesystem;

bool holds_model(const fs::path& folder) {
  std::error_code ignored;
  return fs::exists(folder / "config.json", ignored) || fs::exists(folder / "model.onnx", ignored);
}

// The folder itself, or its version folder with the highest number.
std::optional<fs::path> version_folder(const fs::path& folder) {
  if (holds_model(folder)) return folder;
  const auto entries = list_folder(folder);
  if (!entries) return std::nullopt;
  int64_t highest = 0;
  for (const FolderEntry& entry : *entries) {
    int64_t version = 0;
    const char* end = entry.name.data() + entry.name.size();
    const auto [parsed, status] = std::from_chars(entry.name.data(), end, version);
    if (status == std::errc() && parsed == end && entry.is_folder && holds_model(folder / entry.name)) {
      highest = std::max(highest, version);
    }
  }
  if (highest == 0) return std::nullopt;
  return folder / std::to_string(highest);
}

}  // namespace

Result<fs::path> find_model_folder(std::string_view model, const Environment& environment) {
  if (auto folder = version_folder(fs::path(model))) return *folder;
  std::error_code ignored;
  if (fs::exists(fs::path(model), ignored)) {
    return not_found("'{}' holds no model: there is neither config.json nor model.onnx in it or in a version folder of it",
                     model);
  }
  const bool plain_name = model.find('/') == std::string_view::npos && model != ".." && model != ".";
  if (!plain_name) return not_found("there is no folder '{}'", model);
  NESO_TRY(const fs::path cache, cache_folder(environment));
  const fs::path cached = cache / "models" / model;
  if (auto folder = version_folder(cached)) return *folder;
  return not_found("no model '{}': there is no such folder here, and none in the cache ({})", model, cached.string());
}

}  // namespace neso
