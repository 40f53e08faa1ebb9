// SPDX-License-Identifier: Apache-2.0
#include "serving/repository.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/thread_annotations.h"
#include "base/thread_pool.h"
#include "serving/files_fingerprint.h"
#include "serving/model_reaper.h"
#include "serving/repository_scan.h"
#include "serving/version_loader.h"

namespace neso {
namespace {

namespace fs = std::filesystem;

// How long an unload waits for what the model was asked before.
constexpr std::chrono::seconds kUnloadWait{5};

// They start steps; what a step computes runs on its model's threads.
constexpr size_t kStepThreads = 2;

// "models/" is "models"; sorted, as Triton's set.
std::vector<fs::path> plain_folders(std::vector<fs::path> folders) {
  for (fs::path& folder : folders) {
    folder = folder.lexically_normal();
    if (!folder.has_filename()) folder = folder.parent_path();
  }
  std::ranges::sort(folders);
  const auto repeated = std::ranges::unique(folders);
  folders.erase(repeated.begin(), repeated.end());
  return folders;
}

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

struct Repository::State {
  State(const RepositoryOptions& with, MetricRegistry& metrics, const Clock& clock)
      : options(with),
        folders(plain_folders(with.folders)),
        loader(options, ensemble_context(), metrics, clock) {}

  EnsembleContext ensemble_context() {
    return {.find =
                [this](const std::string& name, std::optional<int64_t> version) {
                  return snapshot()->lookup(name, version);
                },
            .post = [this](std::function<void()> step) { steps->post(std::move(step)); },
            .memory = options.memory};
  }

  // While it lives no other thread loads or unloads that model.
  class Turn {
   public:
    Turn(State& state, std::string name) : state_(state), name_(std::move(name)) {
      MutexLock lock(state_.mutex);
      while (state_.busy.contains(name_)) lock.wait(state_.turn_ends);
      state_.busy.insert(name_);
    }
    ~Turn() {
      MutexLock lock(state_.mutex);
      state_.busy.erase(name_);
      state_.turn_ends.notify_all();
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    State& state_;
    const std::string name_;
  };

  std::shared_ptr<const RepositorySnapshot> snapshot() const EXCLUDES(mutex) {
    MutexLock lock(mutex);
    return current;
  }

  // Publishes the snapshot with `change` made to it. Readers keep the one that they got; models
  // that are in none any more end with their last request.
  template <typename Change>
  void update(const Change& change) EXCLUDES(mutex) {
    std::shared_ptr<const RepositorySnapshot> old;  // let go of after the lock
    MutexLock lock(mutex);
    auto next = std::make_shared<RepositorySnapshot>(*current);
    change(*next);
    next->settle_ensembles();
    old = std::exchange(current, std::move(next));
  }

  Result<std::vector<FoundModel>> to_start_with(RepositorySnapshot& snapshot) const;
  Result<> start();
  Result<FoundModel> find(const std::string& name) const;
  // Of a turn's holder.
  Result<> load(const std::string& name, const ModelOverrides& overrides);
  void publish(std::unique_ptr<Model> model, VersionEntry& version) const;
  void load_parts(const std::string& name, const ModelOverrides& overrides);
  std::vector<std::string> idle_parts(const std::string& name) const;
  std::string why_it_does_not_serve(const std::string& name) const;
  bool is_current(const std::string& name, const std::string& fingerprint) const;
  void announce_loading(const ModelToLoad& model);
  Result<> finish(const std::string& name, LoadedVersions loaded, ModelEntry entry);
  std::vector<std::weak_ptr<Model>> remove(const std::string& name);

  const RepositoryOptions options;
  const std::vector<fs::path> folders;
  const VersionLoader loader;
  std::unique_ptr<ModelReaper> reaper;  // set once, by open(), as is steps
  mutable Mutex mutex;
  std::condition_variable turn_ends;
  std::set<std::string> busy GUARDED_BY(mutex);  // models that someone loads or unloads
  std::shared_ptr<const RepositorySnapshot> current GUARDED_BY(mutex) =
      std::make_shared<const RepositorySnapshot>();
  std::unique_ptr<ThreadPool> steps;  // of ensembles; joined before anything else ends
};

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
    NESO_TRY(files, OverrideFolder::create(overrides.files));
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

// Publishes what was loaded. Where a version failed, the one that served before goes on.
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
  if (!failures.empty() || loaded.empty()) entry.fingerprint.clear();
  update([&](RepositorySnapshot& next) {
    ModelEntry& known = next.entries[name];
    for (auto& [number, version] : known.versions) {
      const auto newer = fresh.find(number);
      const bool failed = newer != fresh.end() && !newer->second.model && !newer->second.ensemble;
      if ((loaded.empty() || failed) && (version.model || version.ensemble))
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

// Of an ensemble that is loaded, but whose parts do not fit.
std::string Repository::State::why_it_does_not_serve(const std::string& name) const {
  const auto known = snapshot();
  for (const auto& [number, version] : known->entries.find(name)->second.versions) {
    if (!version.ensemble || version.model) continue;
    const auto checked =
        check_ensemble_parts(version.ensemble->config(),
                             {.find = [&](const std::string& part, std::optional<int64_t> wanted) {
                               return known->lookup(part, wanted);
                             }});
    if (!checked) return checked.error().message;
  }
  return {};
}

void Repository::State::publish(std::unique_ptr<Model> model, VersionEntry& version) const {
  auto shared = reaper->share(std::move(model));
  const bool is_ensemble = !shared->config().ensemble_steps.empty();
  (is_ensemble ? version.ensemble : version.model) = std::move(shared);
}

// Before an ensemble its parts, which nobody may have asked for. No turn is held meanwhile, or two
// ensembles that are each other's parts would wait for ever.
void Repository::State::load_parts(const std::string& name, const ModelOverrides& overrides) {
  std::vector<std::string> names = {name};  // grows by the parts of each
  for (size_t i = 0; i < names.size(); ++i) {
    // What cannot be found is told when it is missed.
    const auto found = find(names[i]);
    const auto config_json = i == 0 ? overrides.config_json : std::nullopt;
    if (!found && !config_json) continue;
    const auto steps = loader.steps(found ? *found : FoundModel{.name = names[i]}, config_json);
    for (const EnsembleStep& step : steps) {
      if (std::ranges::count(names, step.model) == 0) names.push_back(step.model);
    }
  }
  for (size_t i = names.size(); i-- > 1;) {
    const Turn turn(*this, names[i]);
    if (snapshot()->lookup(names[i], {})) continue;
    if (auto loaded = load(names[i], {}); !loaded) {
      log_verbose(1, "a part of ensemble '{}': {}", name, loaded.error().message);
      continue;
    }
    update([&](RepositorySnapshot& next) { next.entries[names[i]].loaded_as_part = true; });
  }
}

// The parts of an ensemble that were loaded for ensembles only and that no other one has.
std::vector<std::string> Repository::State::idle_parts(const std::string& name) const {
  const auto known = snapshot();
  const auto steps_of = [](const ModelEntry& entry) {
    std::vector<std::string> parts;
    for (const auto& [number, version] : entry.versions) {
      if (!version.ensemble) continue;
      for (const EnsembleStep& step : version.ensemble->config().ensemble_steps)
        parts.push_back(step.model);
    }
    return parts;
  };
  const auto entry = known->entries.find(name);
  std::vector<std::string> idle;
  if (entry == known->entries.end()) return idle;
  for (const std::string& part : steps_of(entry->second)) {
    const auto found = known->entries.find(part);
    if (found == known->entries.end() || !found->second.loaded_as_part) continue;
    const bool used = std::ranges::any_of(known->entries, [&](const auto& other) {
      return other.first != name && std::ranges::count(steps_of(other.second), part) > 0;
    });
    if (!used && std::ranges::count(idle, part) == 0) idle.push_back(part);
  }
  return idle;
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

Repository::Repository(std::unique_ptr<State> state) : state_(std::move(state)) {}
Repository::~Repository() = default;

Result<std::unique_ptr<Repository>> Repository::open(const RepositoryOptions& options,
                                                     MetricRegistry& metrics, const Clock& clock) {
  auto state = std::make_unique<State>(options, metrics, clock);
  NESO_TRY(state->steps, ThreadPool::create(kStepThreads, "ensemble"));
  NESO_TRY(state->reaper, ModelReaper::start());
  NESO_TRY_VOID(state->start());
  return std::unique_ptr<Repository>(new Repository(std::move(state)));
}

std::shared_ptr<Model> Repository::find(std::string_view name,
                                        std::optional<int64_t> version) const {
  auto found = lookup(name, version);
  return found ? std::move(found).value() : nullptr;
}

Result<std::shared_ptr<Model>> Repository::lookup(std::string_view name,
                                                  std::optional<int64_t> version) const {
  return state_->snapshot()->lookup(name, version);
}

std::vector<std::shared_ptr<Model>> Repository::models() const {
  return state_->snapshot()->models();
}

std::vector<IndexEntry> Repository::index() const {
  std::vector<fs::path> hidden = state_->folders;
  if (!state_->options.load_marks_folder.empty())
    hidden.push_back(state_->options.load_marks_folder);
  const auto snapshot = state_->snapshot();
  std::vector<IndexEntry> index = snapshot->index(hidden);
  if (state_->options.control != ModelControl::Explicit) return index;
  // What could be loaded.
  const auto found = scan_repositories(state_->folders);
  if (!found) return index;
  for (const FoundModel& model : found->models) {
    if (!snapshot->entries.contains(model.name)) index.push_back({.name = model.name});
  }
  for (const std::string& name : found->duplicates) {
    if (snapshot->entries.contains(name)) continue;
    index.push_back({.name = name, .version = {}, .state = "UNAVAILABLE", .reason = kDuplicate});
  }
  std::ranges::stable_sort(index, {}, &IndexEntry::name);
  return index;
}

std::vector<ModelStatusRow> Repository::status_rows() const {
  return state_->snapshot()->status_rows();
}

bool Repository::all_ready() const {
  return state_->snapshot()->all_ready();
}

Result<> Repository::load(const std::string& name, const ModelOverrides& overrides) {
  if (state_->options.control != ModelControl::Explicit) {
    return not_ready("explicit model load / unload is not allowed if polling is enabled");
  }
  state_->load_parts(name, overrides);
  const State::Turn turn(*state_, name);
  return state_->load(name, overrides);
}

Result<> Repository::unload(const std::string& name, bool unload_parts) {
  if (state_->options.control != ModelControl::Explicit) {
    return not_ready("explicit model load / unload is not allowed if polling is enabled");
  }
  const auto parts = unload_parts ? state_->idle_parts(name) : std::vector<std::string>();
  std::vector<std::weak_ptr<Model>> leaving;
  {
    const State::Turn turn(*state_, name);
    leaving = state_->remove(name);
  }
  for (const std::string& part : parts) {
    const State::Turn turn(*state_, part);
    std::ranges::move(state_->remove(part), std::back_inserter(leaving));
  }
  if (leaving.empty()) return {};
  if (state_->reaper->wait_until_gone(leaving, kUnloadWait)) {
    log_info("successfully unloaded '{}'", name);
  } else {
    log_info("model '{}' is unloaded; requests that it has accepted still run", name);
  }
  return {};
}

void Repository::poll() {
  const auto found = scan_repositories(state_->folders);
  if (!found) {
    log_error("the model repositories cannot be looked at: {}", found.error().message);
    return;
  }
  for (const FoundModel& model : found->models) {
    const State::Turn turn(*state_, model.name);
    if (auto loaded = state_->load(model.name, {}); !loaded)
      log_verbose(1, "poll: {}", loaded.error().message);
  }
  const auto known = state_->snapshot();
  for (const auto& [name, entry] : known->entries) {
    if (std::ranges::count(found->models, name, &FoundModel::name) > 0) continue;
    const State::Turn turn(*state_, name);
    state_->remove(name);
    const bool duplicate = std::ranges::count(found->duplicates, name) > 0;
    state_->update([&](RepositorySnapshot& next) {
      if (duplicate) next.entries[name] = {.reason = kDuplicate};
      if (!duplicate) next.entries.erase(name);
    });
  }
}

void Repository::stop() {
  for (const auto& model : models()) model->stop();
}

}  // namespace neso
