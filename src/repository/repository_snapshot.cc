// SPDX-License-Identifier: Apache-2.0
#include "repository/repository_snapshot.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace neso {
namespace {

std::shared_ptr<Model> latest(const ModelEntry& entry) {
  for (auto it = entry.versions.rbegin(); it != entry.versions.rend(); ++it) {
    if (it->second.model) return it->second.model;
  }
  return nullptr;
}

std::string state_of(const VersionEntry& version) {
  if (version.model) return "READY";
  if (version.loading) return "LOADING";
  return version.leaving.expired() ? "UNAVAILABLE" : "UNLOADING";
}

std::string without_places(std::string reason, std::span<const std::filesystem::path> folders) {
  for (const std::filesystem::path& folder : folders) {
    const std::string prefix = (folder / "").string();
    for (size_t at = reason.find(prefix); at != std::string::npos; at = reason.find(prefix, at)) {
      reason.erase(at, prefix.size());
    }
  }
  return reason;
}

}  // namespace

void RepositorySnapshot::settle_ensembles() {
  const EnsembleContext here{
      .find = [this](const std::string& name, std::optional<int64_t> version) {
        return lookup(name, version);
      }};
  std::vector<VersionEntry*> waiting;
  for (auto& [name, entry] : entries) {
    for (auto& [number, version] : entry.versions) {
      if (!version.ensemble) continue;
      version.model = nullptr;
      waiting.push_back(&version);
    }
  }
  // An ensemble may be a part of another one.
  for (bool more = true; more;) {
    more = false;
    for (VersionEntry* version : waiting) {
      if (version->model) continue;
      const auto checked = check_ensemble_parts(version->ensemble->config(), here);
      version->reason = checked ? "" : "Invalid argument: " + checked.error().message;
      if (!checked) continue;
      version->model = version->ensemble;
      more = true;
    }
  }
}

Result<std::shared_ptr<Model>> RepositorySnapshot::lookup(std::string_view name,
                                                          std::optional<int64_t> version) const {
  const auto entry = entries.find(name);
  if (entry == entries.end() || entry->second.versions.empty()) {
    return not_found("Request for unknown model: '{}' is not found", name);
  }
  if (!version) {
    if (auto model = latest(entry->second)) return model;
    return not_found("Request for unknown model: '{}' has no available versions", name);
  }
  const auto found = entry->second.versions.find(*version);
  if (found == entry->second.versions.end()) {
    return not_found("Request for unknown model: '{}' version {} is not found", name, *version);
  }
  if (found->second.model) return found->second.model;
  return not_ready("Request for unknown model: '{}' version {} is not at ready state", name,
                   *version);
}

std::vector<std::shared_ptr<Model>> RepositorySnapshot::models() const {
  std::vector<std::shared_ptr<Model>> models;
  for (const auto& [name, entry] : entries) {
    for (const auto& [number, version] : entry.versions) {
      if (version.model) models.push_back(version.model);
    }
  }
  return models;
}

std::vector<IndexEntry> RepositorySnapshot::index(
    std::span<const std::filesystem::path> folders) const {
  std::vector<IndexEntry> index;
  for (const auto& [name, entry] : entries) {
    if (!entry.reason.empty()) {
      index.push_back({.name = name,
                       .version = {},
                       .state = "UNAVAILABLE",
                       .reason = without_places(entry.reason, folders)});
    }
    for (const auto& [number, version] : entry.versions) {
      index.push_back({.name = name,
                       .version = number,
                       .state = state_of(version),
                       .reason = without_places(version.reason, folders)});
    }
  }
  return index;
}

std::vector<ModelStatusRow> RepositorySnapshot::status_rows() const {
  std::vector<ModelStatusRow> rows;
  for (const auto& [name, entry] : entries) {
    if (entry.versions.empty()) {
      rows.push_back(
          {name, "-",
           "Not loaded: " + (entry.reason.empty() ? "No model version was found" : entry.reason)});
    }
    for (const auto& [number, version] : entry.versions) {
      rows.push_back({name, std::to_string(number),
                      version.model ? "READY" : "UNAVAILABLE: " + version.reason});
    }
  }
  return rows;
}

bool RepositorySnapshot::all_ready() const {
  return std::ranges::none_of(entries,
                              [](const auto& named) { return named.second.spoils_readiness; });
}

}  // namespace neso
