// SPDX-License-Identifier: Apache-2.0
#include "repository/version_loader.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/thread_pool.h"
#include "repository/ensemble_loader.h"

namespace neso {
namespace {

namespace fs = std::filesystem;

// Triton's names for its codes, as they stand in front of a load's reason.
std::string_view code_name(ErrorCode code) {
  switch (code) {
    case ErrorCode::InvalidArgument:
    case ErrorCode::TooLarge:
      return "Invalid argument";
    case ErrorCode::NotFound:
      return "Not found";
    case ErrorCode::AlreadyExists:
      return "Already exists";
    case ErrorCode::Unsupported:
      return "Unsupported";
    case ErrorCode::Overloaded:
    case ErrorCode::NotReady:
    case ErrorCode::DeadlineExceeded:
      return "Unavailable";
    case ErrorCode::Cancelled:
      return "Cancelled";
    case ErrorCode::Internal:
      break;
  }
  return "Internal";
}

fs::path config_path(const fs::path& model_folder, const std::string& config_name) {
  if (!config_name.empty()) {
    const fs::path named = model_folder / "configs" / (config_name + ".pbtxt");
    std::error_code error;
    if (fs::exists(named, error)) return named;
  }
  return model_folder / "config.pbtxt";
}

void note_resources_without_a_limiter(const ModelConfig& config) {
  const auto needs_some = [](const InstanceGroup& group) { return !group.resources.needs.empty(); };
  if (std::ranges::none_of(config.instance_groups, needs_some)) return;
  log_info(
      "model '{}': the resources of its instance_group.rate_limiter count with "
      "--rate-limit=execution_count only; its instances run as soon as they are free",
      config.name);
}

// How many of a model's loads have not ended, and whether one failed.
struct Progress {
  std::atomic<size_t> missing = 0;
  std::atomic<bool> failed = false;
};

}  // namespace

struct VersionLoader::Task {
  ModelSource source;
  const ModelConfig* config = nullptr;
  Progress* progress = nullptr;
  bool suspect = false;  // of having ended an earlier process
  LoadedVersion result = {};
};

VersionLoader::VersionLoader(const RepositoryOptions& options, DeadlineWatch& deadlines,
                             EnsembleContext ensembles, MetricRegistry& metrics, const Clock& clock)
    : options_(options),
      deadlines_(deadlines),
      ensembles_(std::move(ensembles)),
      metrics_(metrics),
      clock_(clock),
      marks_(options.load_marks_folder) {}

std::string no_version_sentence(const std::string& model) {
  return fmt::format(
      "at least one version must be available under the version policy of model '{}'", model);
}

Result<ModelConfig> VersionLoader::read_config(
    const FoundModel& found, const std::optional<std::string>& config_json) const {
  if (config_json) return parse_model_config_json(*config_json, found.name);
  return load_model_config(config_path(found.folder, options_.model_config_name), found.name);
}

std::vector<EnsembleStep> VersionLoader::steps(
    const FoundModel& found, const std::optional<std::string>& config_json) const {
  auto config = read_config(found, config_json);
  return config ? std::move(config->ensemble_steps) : std::vector<EnsembleStep>();
}

Result<ModelToLoad> VersionLoader::prepare(FoundModel found,
                                           const std::optional<std::string>& config_json) const {
  NESO_TRY(ModelConfig config, read_config(found, config_json));
  if (!config.not_honoured.empty()) {
    log_warning("model '{}': its config sets {}, which this server does not act on", found.name,
                fmt::join(config.not_honoured, ", "));
  }
  if (!options_.rate_limiter) note_resources_without_a_limiter(config);
  auto versions = select_versions(config, found.versions);
  if (versions.empty()) return not_found("{}", no_version_sentence(found.name));
  return ModelToLoad{std::move(found), std::move(config), std::move(versions)};
}

Result<std::map<std::string, LoadedVersions>> VersionLoader::load(
    std::span<const ModelToLoad> models) const {
  std::vector<Progress> progress(models.size());
  std::vector<Task> tasks;
  for (size_t i = 0; i < models.size(); ++i) {
    const auto& [found, config, versions] = models[i];
    progress[i].missing = versions.size();
    for (const int64_t version : versions) {
      log_info("loading: {}:{}", found.name, version);
      const ModelSource source{found.name, version, found.folder};
      tasks.push_back({source, &config, &progress[i], marks_.suspect(source)});
    }
  }
  NESO_TRY_VOID(run_all(tasks, false, std::max<size_t>(1, options_.load_threads)));
  NESO_TRY_VOID(run_all(tasks, true, 1));
  std::map<std::string, LoadedVersions> loaded;
  for (Task& task : tasks) loaded[task.source.name][task.source.version] = std::move(task.result);
  return loaded;
}

Result<> VersionLoader::run_all(std::vector<Task>& tasks, bool suspect, size_t threads) const {
  std::unique_ptr<ThreadPool> pool;  // waits for all
  const auto count = static_cast<size_t>(std::ranges::count(tasks, suspect, &Task::suspect));
  if (count == 0) return {};
  NESO_TRY(pool, ThreadPool::create(std::min(threads, count), "load"));
  for (Task& task : tasks) {
    if (task.suspect != suspect) continue;
    pool->post([this, &task] {
      run(task);
      if (--task.progress->missing > 0) return;
      if (task.progress->failed) {
        log_info("failed to load '{}'", task.source.name);
      } else {
        log_info("successfully loaded '{}'", task.source.name);
      }
    });
  }
  return {};
}

void VersionLoader::run(Task& task) const {
  const auto load = [&]() -> Result<std::unique_ptr<Model>> {
    if (!task.config->ensemble_steps.empty())
      return load_ensemble(task.source, *task.config, ensembles_, metrics_, clock_);
    NESO_TRY(const LoadMark mark, marks_.begin(task.source));  // there while the load runs
    const LoadOptions options{.auto_complete_config = options_.auto_complete_config,
                              .engine = options_.engine,
                              .default_max_batch_size = options_.default_max_batch_size,
                              .memory = options_.memory,
                              .results = options_.results,
                              .responses = options_.responses,
                              .rate_limiter = options_.rate_limiter,
                              .deadlines = &deadlines_};
    return load_model(task.source, *task.config, options, metrics_, clock_);
  };
  auto model = load();
  if (model) {
    task.result.model = std::move(model).value();
    return;
  }
  task.progress->failed = true;
  task.result.reason = fmt::format("{}: {}", code_name(model.error().code), model.error().message);
  log_error("failed to load '{}' version {}: {}", task.source.name, task.source.version,
            task.result.reason);
}

}  // namespace neso
