// SPDX-License-Identifier: Apache-2.0
#include "repository/repository.h"

#include <algorithm>
#include <chrono>
#include <iterator>

#include "base/error.h"
#include "base/log.h"
#include "repository/repository_state.h"

namespace neso {
namespace {

namespace fs = std::filesystem;

// How long an unload waits for what the model was asked before.
constexpr std::chrono::seconds kUnloadWait{5};

// They start steps; what a step computes runs on its model's threads.
constexpr size_t kStepThreads = 2;

}  // namespace

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

Repository::Repository(std::unique_ptr<State> state) : state_(std::move(state)) {}
Repository::~Repository() = default;

Result<std::unique_ptr<Repository>> Repository::open(const RepositoryOptions& options,
                                                     MetricRegistry& metrics, const Clock& clock) {
  NESO_TRY(auto deadlines, DeadlineWatch::start(clock));
  auto state = std::make_unique<State>(options, std::move(deadlines), metrics, clock);
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
