// SPDX-License-Identifier: Apache-2.0
// Inside the repository: what it holds and how that changes. Loads are in repository_load.cc, what
// is special about ensembles in repository_parts.cc.
#pragma once

#include <condition_variable>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/thread_annotations.h"
#include "base/thread_pool.h"
#include "model/ensemble.h"
#include "repository/model_reaper.h"
#include "repository/repository.h"
#include "repository/repository_scan.h"
#include "repository/version_loader.h"

namespace neso {

// "models/" is "models"; sorted, as Triton's set.
std::vector<std::filesystem::path> plain_folders(std::vector<std::filesystem::path> folders);

struct Repository::State {
  State(const RepositoryOptions& with, std::unique_ptr<DeadlineWatch> watch,
        MetricRegistry& metrics, const Clock& clock)
      : options(with),
        deadlines(std::move(watch)),
        folders(plain_folders(with.folders)),
        loader(options, *deadlines, ensemble_context(), metrics, clock) {}

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
  const std::unique_ptr<DeadlineWatch> deadlines;  // ends after the models that are gone by then
  const std::vector<std::filesystem::path> folders;
  const VersionLoader loader;
  std::unique_ptr<ModelReaper> reaper;  // set once, by open(), as is steps
  mutable Mutex mutex;
  std::condition_variable turn_ends;
  std::set<std::string> busy GUARDED_BY(mutex);  // models that someone loads or unloads
  std::shared_ptr<const RepositorySnapshot> current GUARDED_BY(mutex) =
      std::make_shared<const RepositorySnapshot>();
  std::unique_ptr<ThreadPool> steps;  // of ensembles; joined before anything else ends
};

}  // namespace neso
