// SPDX-License-Identifier: Apache-2.0
// Model repository folders <-> models. Loads every model of its folders, keeps what works beside
// what does not, and publishes the living versions as an immutable snapshot.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/memory_budget.h"
#include "base/metrics.h"
#include "base/result.h"
#include "serving/engine_loader.h"
#include "serving/requests.h"

namespace neso {

class Model;

struct RepositoryOptions {
  std::vector<std::filesystem::path>
      folders;  // sorted and without duplicates afterwards, as Triton's set
  bool auto_complete_config = true;
  std::string model_config_name;  // --model-config-name: configs/<name>.pbtxt when it exists
  size_t load_threads = 4;
  EngineOptions engine;
  int64_t default_max_batch_size = 4;  // --backend-config=onnxruntime,default-max-batch-size=N
  MemoryBudget* memory = nullptr;      // outlives the repository; null: no limit
  // Where loads that end the process leave their marks (load_marks.h); empty: nowhere.
  std::filesystem::path load_marks_folder = {};
};

// Model | Version | Status, as Triton prints them: "-" for a model without versions.
struct ModelStatusRow {
  std::string model;
  std::string version;
  std::string status;
};

// Any thread.
class Repository {
 public:
  // Reads the folders (a missing one: Internal "failed to stat file PATH", as Triton) and loads
  // every model in them. A model that fails is kept with its reason; the repository itself is fine.
  // `metrics` and `clock` outlive it.
  static Result<std::unique_ptr<Repository>> open(const RepositoryOptions& options,
                                                  MetricRegistry& metrics, const Clock& clock);
  ~Repository();

  // Null when that model, or that version of it, does not serve; version empty: the default
  // (highest ready) one.
  std::shared_ptr<Model> find(std::string_view name, std::optional<int64_t> version) const;
  // The same, or why not, in Triton's words: "Request for unknown model: 'NAME' is not found",
  // "... has no available versions", "... version N is not found" (NotFound), "... version N is not
  // at ready state" (NotReady).
  Result<std::shared_ptr<Model>> lookup(std::string_view name,
                                        std::optional<int64_t> version) const;
  // Known to the repository at all, ready or not.
  bool knows(std::string_view name) const;
  // Living versions, by name, then version.
  std::vector<std::shared_ptr<Model>> models() const;
  std::vector<IndexEntry> index() const;
  // Rows of the start-up table, in the same order.
  std::vector<ModelStatusRow> status_rows() const;
  // False when anything that the folders hold does not serve.
  bool all_ready() const;
  // Finishes what the schedulers hold, then refuses. Used once, at the end.
  void stop();

 private:
  Repository();
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace neso
