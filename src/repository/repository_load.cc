// SPDX-License-Identifier: Apache-2.0
// Repository::State: models come, are exchanged and go.
#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "model/loading/files_fingerprint.h"
#include "repository/repository_state.h"

namespace neso {
namespace {

namespace fs = std::filesystem;

// The reason is what Triton only logs.
Error poll_failure(const std::string& name, const std::string& reason) {
  log_error("Poll failed for model directory '{}': {}", name, reason);
  return internal_error("failed to load '{}', failed to poll from model repository: {}", name,
                        reason);
}

bool serves(const ModelEntry& entry) {
  return !entry.versions.empty() && std::ranges::all_of(entry.versions, [](const auto& version) {
    return version.second.model != nullptr;
  });
}

}  // namespace

// Those of the folders' models that are loaded at the start; what cannot be is noted.
Result<std::vector<FoundModel>> Repository::State::to_start_with(
    RepositorySnapshot& snapshot) const {
  NESO_TRY(FoundModels found, scan_repositories(folders));
  const std::vector<std::string>& wanted = options.startup_models;
  const bool all =
      options.control != ModelControl::Explicit || (wanted.size() == 1 && wanted.front() == "*");
  const auto refuse = [&](const std::string& name, const std::string& reason) {
    log_error("failed to load '{}': {}", name, reason);
    snapshot.entries[name] = {.reason = reason, .spoils_readiness = true};
  };
  for (const std::string& name : found.duplicates) {
    if (all || std::ranges::count(wanted, name) > 0) refuse(name, kDuplicate);
  }
  if (all) return std::move(found.models);
  std::vector<FoundModel> chosen;
  for (const std::string& name : wanted) {
    const auto model = std::ranges::find(found.models, name, &FoundModel::name);
    if (model != found.models.end()) {
      chosen.push_back(*model);
    } else if (!snapshot.entries.contains(name)) {
      refuse(name, "no model repository has a folder of that name");
    }
  }
  return chosen;
}

Result<> Repository::State::start() {
  RepositorySnapshot snapshot;
  NESO_TRY(std::vector<FoundModel> found, to_start_with(snapshot));
  std::vector<ModelToLoad> models;
  for (FoundModel& model : found) {
    ModelEntry& entry = snapshot.entries[model.name];
    entry.fingerprint = tree_fingerprint(model.folder);
    const std::string name = model.name;
    auto prepared = loader.prepare(std::move(model), {});
    if (prepared) {
      models.push_back(std::move(prepared).value());
      continue;
    }
    entry.spoils_readiness = true;
    const Error& error = prepared.error();
    if (error.code == ErrorCode::NotFound) {  // Triton leaves those out of the index
      log_error("failed to load '{}': {}", name, error.message);
    } else {
      log_error("Poll failed for model directory '{}': {}", name, error.message);
      entry.reason = error.message;
    }
  }
  NESO_TRY(auto loaded, loader.load(models));
  for (auto& [name, versions] : loaded) {
    ModelEntry& entry = snapshot.entries[name];
    for (auto& [number, version] : versions) {
      VersionEntry& published = entry.versions[number];
      published.reason = std::move(version.reason);
      if (version.model) publish(std::move(version.model), published);
    }
  }
  snapshot.settle_ensembles();
  for (auto& [name, entry] : snapshot.entries) entry.spoils_readiness = !serves(entry);
  update([&](RepositorySnapshot& published) { published = std::move(snapshot); });
  return {};
}

Result<FoundModel> Repository::State::find(const std::string& name) const {
  NESO_TRY(auto found, find_model(folders, name));
  if (found) return std::move(*found);
  // Word for word Triton's, who has nothing to add here either.
  return internal_error("failed to load '{}', failed to poll from model repository", name);
}

bool Repository::State::is_current(const std::string& name, const std::string& fingerprint) const {
  const auto known = snapshot();
  const auto entry = known->entries.find(name);
  return entry != known->entries.end() && entry->second.fingerprint == fingerprint &&
         serves(entry->second);
}

// Versions that do not serve yet show as LOADING.
void Repository::State::announce_loading(const ModelToLoad& model) {
  update([&](RepositorySnapshot& next) {
    ModelEntry& entry = next.entries[model.found.name];
    entry.reason.clear();
    for (const int64_t version : model.versions) {
      entry.versions[version].loading = true;
      entry.versions[version].reason.clear();
    }
  });
}

Result<> Repository::State::load(const std::string& name, const ModelOverrides& overrides) {
  std::shared_ptr<const OverrideFolder> files;
  FoundModel found;
  if (overrides.files.empty()) {
    NESO_TRY(found, find(name));
  } else {
    if (!overrides.config_json)
      return poll_failure(name,
                          "Load parameter 'config' must be specified for model file override");
    auto created = OverrideFolder::create(overrides.files);
    if (!created && created.error().code == ErrorCode::Internal)
      return poll_failure(name, created.error().message);
    NESO_TRY(files, std::move(created));
    const fs::path parents[] = {files->path()};
    NESO_TRY(found.versions, find_versions(name, parents[0]));
    found.name = name;
    found.folder = files->path();
  }
  ModelEntry entry{.fingerprint = tree_fingerprint(found.folder), .files = std::move(files)};
  if (overrides.empty() && is_current(name, entry.fingerprint)) return {};
  auto prepared = loader.prepare(std::move(found), overrides.config_json);
  if (!prepared) {
    if (prepared.error().code != ErrorCode::NotFound)
      return poll_failure(name, prepared.error().message);
    return invalid_argument("load failed for model '{}': {}\n", name, prepared.error().message);
  }
  announce_loading(*prepared);
  const ModelToLoad models[] = {std::move(prepared).value()};
  auto loaded = loader.load(models);
  if (!loaded) {
    NESO_TRY_VOID(finish(name, {}, std::move(entry)));  // what served goes on
    return std::move(loaded).error();
  }
  return finish(name, std::move((*loaded)[name]), std::move(entry));
}

// Publishes what was loaded. Where a version failed, all that served before and that nothing
// replaces goes on: the failed one was to take its place.
Result<> Repository::State::finish(const std::string& name, LoadedVersions loaded,
                                   ModelEntry entry) {
  std::string failures;
  std::map<int64_t, VersionEntry> fresh;
  for (auto& [number, version] : loaded) {
    VersionEntry& published = fresh[number];
    if (version.model) {
      publish(std::move(version.model), published);
    } else {
      published.reason = version.reason;
      failures += fmt::format("version {} is at UNAVAILABLE state: {};", number, version.reason);
    }
  }
  const bool failed = !failures.empty() || loaded.empty();
  if (failed) entry.fingerprint.clear();
  update([&](RepositorySnapshot& next) {
    ModelEntry& known = next.entries[name];
    for (auto& [number, version] : known.versions) {
      const auto newer = fresh.find(number);
      const bool replaced = newer != fresh.end() && (newer->second.model || newer->second.ensemble);
      if (failed && !replaced && (version.model || version.ensemble))
        fresh[number] = {.model = version.model, .ensemble = version.ensemble};
    }
    entry.versions = std::move(fresh);
    entry.spoils_readiness = known.spoils_readiness && !serves(entry);
    known = std::move(entry);
  });
  if (failures.empty()) failures = why_it_does_not_serve(name);
  if (failures.empty()) return {};
  return invalid_argument("load failed for model '{}': {}\n", name, failures);
}

void Repository::State::publish(std::unique_ptr<Model> model, VersionEntry& version) const {
  auto shared = reaper->share(std::move(model));
  const bool is_ensemble = !shared->config().ensemble_steps.empty();
  (is_ensemble ? version.ensemble : version.model) = std::move(shared);
}

std::vector<std::weak_ptr<Model>> Repository::State::remove(const std::string& name) {
  std::vector<std::weak_ptr<Model>> leaving;
  update([&](RepositorySnapshot& next) {
    const auto entry = next.entries.find(name);
    if (entry == next.entries.end()) return;
    for (auto& [number, version] : entry->second.versions) {
      if (version.model) {
        log_info("unloading: {}:{}", name, number);
        leaving.push_back(version.model);
        version.leaving = version.model;
        version.model = nullptr;
      }
      version.reason = kUnloaded;
      version.ensemble = nullptr;
    }
    entry->second.fingerprint.clear();
    entry->second.files = nullptr;
    entry->second.spoils_readiness = false;
  });
  return leaving;
}

}  // namespace neso
