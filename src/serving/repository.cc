// SPDX-License-Identifier: Apache-2.0
#include "serving/repository.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/thread_annotations.h"
#include "base/thread_pool.h"
#include "serving/load_marks.h"
#include "serving/model.h"
#include "serving/model_loader.h"
#include "serving/repository_scan.h"

namespace neso {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDuplicate = "model appears in two or more repositories";
constexpr const char* kNoVersion = "No model version was found";

struct VersionEntry {
  std::shared_ptr<Model> model;  // null: unavailable
  std::string reason;            // why
};

struct ModelEntry {
  std::string reason;  // why it was not even tried; empty: it was
  std::map<int64_t, VersionEntry> versions;
};

using Snapshot = std::map<std::string, ModelEntry, std::less<>>;

// Triton's names for its codes, as they stand in front of a load's reason.
std::string_view code_name(ErrorCode code) {
  switch (code) {
    case ErrorCode::InvalidArgument:
    case ErrorCode::TooLarge:
      return "Invalid argument";
    case ErrorCode::NotFound:
      return "Not found";
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

void warn_about_gpus(const ModelConfig& config) {
  const auto wants_gpu = [](const InstanceGroup& group) {
    return group.kind == InstanceKind::Gpu ||
           (group.kind == InstanceKind::Auto && !group.gpus.empty());
  };
  if (std::ranges::none_of(config.instance_groups, wants_gpu)) return;
  log_warning(
      "model '{}': its instance_group asks for a GPU (KIND_GPU), but this build has no GPU "
      "support; "
      "it runs on the CPU",
      config.name);
}

// One version to load, and where the result goes.
struct Load {
  ModelSource source;
  const ModelConfig* config;
  bool suspect;  // of having ended an earlier process
  VersionEntry result;
};

// A model's loads; the one that finishes last reports.
struct ModelLoads {
  ModelConfig config;
  std::vector<Load> loads;
  std::atomic<size_t> missing = 0;
};

void report(const ModelLoads& model) {
  const auto failed = [](const Load& load) { return load.result.model == nullptr; };
  const std::string& name = model.loads.front().source.name;
  if (std::ranges::none_of(model.loads, failed)) {
    log_info("successfully loaded '{}'", name);
  } else {
    log_info("failed to load '{}'", name);
  }
}

class Loader {
 public:
  Loader(const RepositoryOptions& options, MetricRegistry& metrics, const Clock& clock)
      : options_(options), metrics_(metrics), clock_(clock), marks_(options.load_marks_folder) {}

  // Reads the config and chooses the versions; the loads themselves are not started.
  ModelEntry prepare(const FoundModel& found) {
    const fs::path path = config_path(found.folder, options_.model_config_name);
    auto config = load_model_config(path, found.name);
    if (!config) {
      log_error("Poll failed for model directory '{}': {}", found.name, config.error().message);
      return {.reason = config.error().message, .versions = {}};
    }
    if (!config->not_honoured.empty()) {
      log_warning("model '{}': its config sets {}, which this server does not act on", found.name,
                  fmt::join(config->not_honoured, ", "));
    }
    warn_about_gpus(*config);
    const auto versions = select_versions(*config, found.versions);
    if (versions.empty()) {
      log_error(
          "failed to load '{}': at least one version must be available under the version policy of "
          "model '{}'",
          found.name, found.name);
      return {.reason = kNoVersion, .versions = {}};
    }
    auto& model = models_.emplace_back(std::make_unique<ModelLoads>());
    model->config = std::move(config).value();
    model->missing = versions.size();
    for (const int64_t version : versions) {
      log_info("loading: {}:{}", found.name, version);
      const ModelSource source{
          .name = found.name, .version = version, .model_folder = found.folder};
      model->loads.push_back({.source = source,
                              .config = &model->config,
                              .suspect = marks_.suspect(source),
                              .result = {}});
    }
    return {};
  }

  // Loads what was prepared, on several threads, and puts it into the snapshot. What may have ended
  // an earlier process comes last and one by one, so that at the next start only the culprit is
  // marked.
  Result<> load_into(Snapshot& snapshot) {
    NESO_TRY_VOID(load_all(false, std::max<size_t>(1, options_.load_threads)));
    NESO_TRY_VOID(load_all(true, 1));
    for (const auto& model : models_) {
      for (Load& load : model->loads) {
        snapshot[load.source.name].versions[load.source.version] = std::move(load.result);
      }
    }
    return {};
  }

 private:
  Result<> load_all(bool suspect, size_t threads) {
    std::unique_ptr<ThreadPool> pool;  // waits for all
    for (const auto& model : models_) {
      for (Load& load : model->loads) {
        if (load.suspect != suspect) continue;
        if (!pool) {
          NESO_TRY(pool, ThreadPool::create(threads, "load"));
        }
        pool->post([this, &load, &model = *model] {
          run(load);
          if (--model.missing == 0) report(model);
        });
      }
    }
    return {};
  }

  // Within the time that its mark is there.
  Result<std::shared_ptr<Model>> load_marked(const Load& load) const {
    NESO_TRY(const LoadMark mark, marks_.begin(load.source));
    const LoadOptions options{.auto_complete_config = options_.auto_complete_config,
                              .engine = options_.engine,
                              .default_max_batch_size = options_.default_max_batch_size,
                              .memory = options_.memory};
    return load_model(load.source, *load.config, options, metrics_, clock_);
  }

  void run(Load& load) const {
    auto model = load_marked(load);
    if (model) {
      load.result.model = std::move(model).value();
      return;
    }
    load.result.reason =
        fmt::format("{}: {}", code_name(model.error().code), model.error().message);
    log_error("failed to load '{}' version {}: {}", load.source.name, load.source.version,
              load.result.reason);
  }

  const RepositoryOptions& options_;
  MetricRegistry& metrics_;
  const Clock& clock_;
  const LoadMarks marks_;
  std::vector<std::unique_ptr<ModelLoads>> models_;
};

std::shared_ptr<Model> latest(const ModelEntry& entry) {
  for (auto it = entry.versions.rbegin(); it != entry.versions.rend(); ++it) {
    if (it->second.model) return it->second.model;
  }
  return nullptr;
}

}  // namespace

struct Repository::State {
  // Replaced as a whole, never changed; readers keep the one that they got.
  std::shared_ptr<const Snapshot> snapshot() const EXCLUDES(mutex) {
    MutexLock lock(mutex);
    return current;
  }
  void publish(Snapshot next) EXCLUDES(mutex) {
    auto published = std::make_shared<const Snapshot>(std::move(next));
    MutexLock lock(mutex);
    current = std::move(published);
  }

  // Whose places clients are not told.
  std::vector<fs::path> folders = {};
  mutable Mutex mutex;
  std::shared_ptr<const Snapshot> current GUARDED_BY(mutex) = std::make_shared<const Snapshot>();
};

Repository::Repository() : state_(std::make_unique<State>()) {}
Repository::~Repository() = default;

Result<std::unique_ptr<Repository>> Repository::open(const RepositoryOptions& options,
                                                     MetricRegistry& metrics, const Clock& clock) {
  std::vector<fs::path> folders = options.folders;
  for (fs::path& folder : folders) {  // "models/" is "models"
    folder = folder.lexically_normal();
    if (!folder.has_filename()) folder = folder.parent_path();
  }
  std::ranges::sort(folders);
  const auto repeated = std::ranges::unique(folders);
  folders.erase(repeated.begin(), repeated.end());

  NESO_TRY(const FoundModels found, scan_repositories(folders));
  Snapshot snapshot;
  Loader loader(options, metrics, clock);
  for (const std::string& name : found.duplicates) {
    log_error("failed to load '{}': {}", name, kDuplicate);
    snapshot[name].reason = kDuplicate;
  }
  for (const FoundModel& model : found.models) snapshot[model.name] = loader.prepare(model);
  NESO_TRY_VOID(loader.load_into(snapshot));

  std::unique_ptr<Repository> repository(new Repository());
  if (!options.load_marks_folder.empty()) folders.push_back(options.load_marks_folder);
  repository->state_->folders = std::move(folders);
  repository->state_->publish(std::move(snapshot));
  return repository;
}

std::shared_ptr<Model> Repository::find(std::string_view name,
                                        std::optional<int64_t> version) const {
  auto found = lookup(name, version);
  return found ? std::move(found).value() : nullptr;
}

Result<std::shared_ptr<Model>> Repository::lookup(std::string_view name,
                                                  std::optional<int64_t> version) const {
  const auto snapshot = state_->snapshot();
  const auto entry = snapshot->find(name);
  if (entry == snapshot->end() || entry->second.versions.empty()) {
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

bool Repository::knows(std::string_view name) const {
  return state_->snapshot()->contains(name);
}

std::vector<std::shared_ptr<Model>> Repository::models() const {
  const auto snapshot = state_->snapshot();
  std::vector<std::shared_ptr<Model>> models;
  for (const auto& [name, entry] : *snapshot) {
    for (const auto& [number, version] : entry.versions) {
      if (version.model) models.push_back(version.model);
    }
  }
  return models;
}

// A reason without the places of the server's folders, which are none of a client's business.
static std::string for_clients(std::string reason, const std::vector<fs::path>& folders) {
  for (const fs::path& folder : folders) {
    const std::string prefix = (folder / "").string();
    for (size_t at = reason.find(prefix); at != std::string::npos; at = reason.find(prefix, at)) {
      reason.erase(at, prefix.size());
    }
  }
  return reason;
}

std::vector<IndexEntry> Repository::index() const {
  const auto snapshot = state_->snapshot();
  std::vector<IndexEntry> index;
  for (const auto& [name, entry] : *snapshot) {
    if (entry.versions.empty() && entry.reason != kNoVersion) {  // Triton leaves those out
      index.push_back({.name = name,
                       .version = {},
                       .state = "UNAVAILABLE",
                       .reason = for_clients(entry.reason, state_->folders)});
    }
    for (const auto& [number, version] : entry.versions) {
      index.push_back({.name = name,
                       .version = number,
                       .state = version.model ? "READY" : "UNAVAILABLE",
                       .reason = for_clients(version.reason, state_->folders)});
    }
  }
  return index;
}

std::vector<ModelStatusRow> Repository::status_rows() const {
  const auto snapshot = state_->snapshot();
  std::vector<ModelStatusRow> rows;
  for (const auto& [name, entry] : *snapshot) {
    if (entry.versions.empty()) rows.push_back({name, "-", "Not loaded: " + entry.reason});
    for (const auto& [number, version] : entry.versions) {
      rows.push_back({name, std::to_string(number),
                      version.model ? "READY" : "UNAVAILABLE: " + version.reason});
    }
  }
  return rows;
}

bool Repository::all_ready() const {
  const auto snapshot = state_->snapshot();
  return std::ranges::all_of(*snapshot, [](const auto& named) {
    const ModelEntry& entry = named.second;
    return !entry.versions.empty() && std::ranges::all_of(entry.versions, [](const auto& v) {
      return v.second.model != nullptr;
    });
  });
}

void Repository::stop() {
  for (const auto& model : models()) model->stop();
}

}  // namespace neso
