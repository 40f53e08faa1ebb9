// SPDX-License-Identifier: Apache-2.0
#include "app/model_path.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <vector>

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

// A version folder is named after the model folder around it.
std::string model_name(const fs::path& folder) {
  fs::path path = fs::absolute(folder).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();
  const std::string name = path.filename().string();
  const bool is_version = std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; });
  return is_version && path.parent_path().has_filename() ? path.parent_path().filename().string()
                                                         : name;
}

// The folder as it is, or with its highest version that holds a model.
std::optional<ModelSource> source_in(const fs::path& folder) {
  if (holds_model(folder)) return ModelSource{model_name(folder), 1, folder};
  const auto entries = list_folder(folder);
  if (!entries) return std::nullopt;
  int64_t highest = 0;
  for (const FolderEntry& entry : *entries) {
    int64_t version = 0;
    const char* end = entry.name.data() + entry.name.size();
    const auto [parsed, status] = std::from_chars(entry.name.data(), end, version);
    if (status == std::errc() && parsed == end && entry.is_folder &&
        holds_model(folder / entry.name)) {
      highest = std::max(highest, version);
    }
  }
  if (highest == 0) return std::nullopt;
  return ModelSource{model_name(folder), highest, folder};
}

// What the cache has instead.
std::string cached_models(const fs::path& folder) {
  std::vector<std::string> names;
  if (const auto entries = list_folder(folder)) {
    for (const FolderEntry& entry : *entries) {
      if (source_in(folder / entry.name)) names.push_back(entry.name);
    }
  }
  if (names.empty()) return "the cache holds no model yet: give the path of a model folder";
  std::sort(names.begin(), names.end());
  return fmt::format("the cache holds {}", fmt::join(names, ", "));
}

}  // namespace

Result<ModelSource> find_model(std::string_view model, const Environment& environment) {
  if (auto source = source_in(fs::path(model))) return *source;
  std::error_code ignored;
  if (fs::exists(fs::path(model), ignored)) {
    return not_found(
        "'{}' holds no model: there is neither config.json nor model.onnx in it or in a version "
        "folder of it",
        model);
  }
  const bool plain_name =
      model.find('/') == std::string_view::npos && model != ".." && model != "." && !model.empty();
  if (!plain_name) return not_found("there is no folder '{}'", model);
  NESO_TRY(const fs::path cache, cache_folder(environment));
  const fs::path cached = cache / "models" / model;
  if (auto source = source_in(cached)) return *source;
  return not_found("no model '{}': there is no such folder here, and none in the cache ({}); {}",
                   model, cached.string(), cached_models(cache / "models"));
}

fs::path model_folder(const ModelSource& source) {
  return holds_model(source.model_folder) ? source.model_folder : source.version_folder();
}

}  // namespace neso
