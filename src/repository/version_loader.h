// SPDX-License-Identifier: Apache-2.0
// What lies in a repository into live versions: config, version policy, then the versions side by
// side on several threads.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/result.h"
#include "model/ensemble.h"
#include "model/loading/load_marks.h"
#include "model/loading/model_loader.h"
#include "repository/repository.h"
#include "repository/repository_scan.h"

namespace neso {

// A model whose versions are to be loaded.
struct ModelToLoad {
  FoundModel found;
  ModelConfig config;
  std::vector<int64_t> versions;  // never empty
};

// How the load of one version ended: with a model, or with Triton's "CODE: sentence".
struct LoadedVersion {
  std::unique_ptr<Model> model;
  std::string reason;
};
using LoadedVersions = std::map<int64_t, LoadedVersion>;

// Any thread. The arguments outlive it.
class VersionLoader {
 public:
  VersionLoader(const RepositoryOptions& options, DeadlineWatch& deadlines,
                EnsembleContext ensembles, MetricRegistry& metrics, const Clock& clock);

  // Reads the config, or takes the one in JSON instead, and chooses the versions. The errors are
  // why Triton would not even try.
  Result<ModelToLoad> prepare(FoundModel found,
                              const std::optional<std::string>& config_json) const;

  // The steps that the model's config has; none when it cannot be read.
  std::vector<EnsembleStep> steps(const FoundModel& found,
                                  const std::optional<std::string>& config_json) const;

  // Loads every version of every model, and logs how that went. What may have ended an earlier
  // process comes last and one by one, so that at the next start only the culprit is marked. An
  // error: the system gives no threads.
  Result<std::map<std::string, LoadedVersions>> load(std::span<const ModelToLoad> models) const;

 private:
  struct Task;
  Result<ModelConfig> read_config(const FoundModel& found,
                                  const std::optional<std::string>& config_json) const;
  Result<> run_all(std::vector<Task>& tasks, bool suspect, size_t threads) const;
  void run(Task& task) const;

  const RepositoryOptions& options_;
  DeadlineWatch& deadlines_;
  const EnsembleContext ensembles_;
  MetricRegistry& metrics_;
  const Clock& clock_;
  const LoadMarks marks_;
};

// Of a model that no version policy leaves a version.
std::string no_version_sentence(const std::string& model);

}  // namespace neso
