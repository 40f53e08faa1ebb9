// SPDX-License-Identifier: Apache-2.0
#include "repository/repository_scan.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <map>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"

namespace neso {
namespace {

namespace fs = std::filesystem;

// 1 to int64's largest, in digits without leading zeros.
std::optional<int64_t> version_number(std::string_view name) {
  int64_t version = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), version);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  if (version < 1 || name.front() == '0') return std::nullopt;
  return version;
}

bool starts_like_a_version(std::string_view name) {
  return !name.empty() && name.front() >= '0' && name.front() <= '9';
}

// Folders of model files that carry a number of their own: "1_Pooling".
bool is_module_folder(std::string_view name) {
  const size_t end = name.find_first_not_of("0123456789");
  return end != std::string_view::npos && end > 0 && name[end] == '_';
}

// One path element that is not hidden: a name from a request must not lead elsewhere.
bool is_model_name(std::string_view name) {
  return !name.empty() && !name.starts_with('.') && name.find('/') == std::string_view::npos &&
         name.find('\0') == std::string_view::npos;
}

}  // namespace

Result<std::vector<int64_t>> find_versions(const std::string& model, const fs::path& folder) {
  constexpr std::array<std::string_view, 3> kOtherFolders = {"configs", "warmup", "initial_state"};
  NESO_TRY(const auto entries, list_folder(folder));
  std::vector<int64_t> versions;
  for (const FolderEntry& entry : entries) {
    if (std::ranges::find(kOtherFolders, entry.name) != kOtherFolders.end()) continue;
    const auto version = version_number(entry.name);
    if (version && entry.is_folder) {
      versions.push_back(*version);
    } else if (version) {
      log_warning("ignoring version '{}' of model '{}': it is no folder", entry.name, model);
    } else if (starts_like_a_version(entry.name) && !is_module_folder(entry.name)) {
      log_warning(
          "ignoring version folder '{}' of model '{}': a version is a number from 1 on, without "
          "leading zeros",
          entry.name, model);
    }
  }
  std::ranges::sort(versions);
  return versions;
}

Result<FoundModels> scan_repositories(std::span<const fs::path> folders) {
  std::map<std::string, std::vector<fs::path>> by_name;
  for (const fs::path& folder : folders) {
    std::error_code error;
    if (!fs::exists(folder, error)) {
      return internal_error("failed to stat file {}", folder.string());
    }
    NESO_TRY(const auto entries, list_folder(folder));
    const size_t before = by_name.size();
    for (const FolderEntry& entry : entries) {
      if (entry.name == "config.json" || entry.name == "model.onnx" ||
          entry.name == "config.pbtxt") {
        log_warning(
            "'{}' holds a {}: it looks like a model's own folder; a repository is the folder "
            "above its models, and they have a version folder: REPOSITORY/MODEL/1/",
            folder.string(), entry.name);
      }
      if (entry.is_folder && !entry.name.starts_with('.')) {
        by_name[entry.name].push_back(folder / entry.name);
      }
    }
    if (by_name.size() == before) log_warning("no model folder in '{}'", folder.string());
  }
  FoundModels found;
  for (const auto& [name, places] : by_name) {
    if (places.size() > 1) {
      found.duplicates.push_back(name);
      continue;
    }
    auto versions = find_versions(name, places.front());
    if (!versions) log_error("failed to read model '{}': {}", name, versions.error().message);
    found.models.push_back({.name = name,
                            .folder = places.front(),
                            .versions = versions ? *std::move(versions) : std::vector<int64_t>()});
  }
  return found;
}

Result<std::optional<FoundModel>> find_model(std::span<const fs::path> folders,
                                             const std::string& name) {
  std::optional<FoundModel> found;
  if (!is_model_name(name)) return found;
  for (const fs::path& folder : folders) {
    std::error_code error;
    const fs::path place = folder / name;
    if (!fs::is_directory(place, error)) continue;
    if (found) return std::optional<FoundModel>();
    NESO_TRY(auto versions, find_versions(name, place));
    found = FoundModel{name, place, std::move(versions)};
  }
  return found;
}

std::vector<int64_t> select_versions(const ModelConfig& config,
                                     const std::vector<int64_t>& available) {
  const VersionPolicy& policy = config.version_policy;
  switch (policy.kind) {
    case VersionPolicy::Kind::All:
      return available;
    case VersionPolicy::Kind::Latest: {
      const size_t count = std::min<size_t>(policy.latest, available.size());
      return {available.end() - static_cast<std::ptrdiff_t>(count), available.end()};
    }
    case VersionPolicy::Kind::Specific:
      break;
  }
  std::vector<int64_t> selected;
  for (const int64_t version : policy.specific) {
    if (std::ranges::find(available, version) != available.end()) {
      selected.push_back(version);
    } else {
      log_error("version {} of model '{}' is in its version policy, but not in its folder", version,
                config.name);
    }
  }
  std::ranges::sort(selected);
  const auto repeated = std::ranges::unique(selected);
  selected.erase(repeated.begin(), repeated.end());
  return selected;
}

}  // namespace neso
