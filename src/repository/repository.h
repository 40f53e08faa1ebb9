// SPDX-License-Identifier: Apache-2.0
// Model repository folders <-> models. Keeps what works beside what does not, loads and unloads
// while requests run, and publishes the living versions as an immutable snapshot.
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
#include "model/loading/engine_loader.h"
#include "model/model.h"
#include "repository/repository_snapshot.h"
#include "request/requests.h"

namespace neso {

// --model-control-mode: everything once at the start; again whenever files change; what clients ask
// for.
enum class ModelControl { None, Poll, Explicit };

struct RepositoryOptions {
  std::vector<std::filesystem::path>
      folders;  // sorted and without duplicates afterwards, as Triton's set
  ModelControl control = ModelControl::None;
  std::vector<std::string> startup_models = {};  // of Explicit; "*" alone: all
  bool auto_complete_config = true;
  std::string model_config_name;  // --model-config-name: configs/<name>.pbtxt when it exists
  size_t load_threads = 4;
  EngineOptions engine;
  int64_t default_max_batch_size = 4;  // --backend-config=onnxruntime,default-max-batch-size=N
  MemoryBudget* memory = nullptr;      // outlives the repository; null: no limit
  std::shared_ptr<ResultCache> results = {};       // null: no vectors are kept
  std::shared_ptr<ResponseCache> responses = {};   // null: no answers are cached
  std::shared_ptr<RateLimiter> rate_limiter = {};  // null: --rate-limit=off
  // Where loads that end the process leave their marks (load_marks.h); empty: nowhere.
  std::filesystem::path load_marks_folder = {};
};

// Any thread.
class Repository {
 public:
  // Reads the folders (a missing one: Internal "failed to stat file PATH", as Triton) and loads
  // every model in them, or those that Explicit starts with. A model that fails is kept with its
  // reason; the repository itself is fine. `metrics` and `clock` outlive it.
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
  // Living versions, by name, then version.
  std::vector<std::shared_ptr<Model>> models() const;
  std::vector<IndexEntry> index() const;
  // Rows of the start-up table, in the same order.
  std::vector<ModelStatusRow> status_rows() const;
  // False while something that the server started with does not serve. What is loaded later, and
  // what is unloaded, does not count: a server is no less ready for it.
  bool all_ready() const;

  // Loads the model's versions, or loads them again where files have changed since or something is
  // overridden; the old ones serve until then, and go on when the new ones fail. With `overrides`
  // the config stays until unload; files replace the model's folder. Blocks until every version is
  // ready or has failed, and while another thread loads or unloads that model. Errors are Triton's:
  // NotReady unless Explicit, Internal for what is not there or has no valid config,
  // InvalidArgument "load failed for model ...". A version that fails leaves the others serving.
  Result<> load(const std::string& name, const ModelOverrides& overrides);
  // The model serves no more; what it was asked before is answered. An unknown one is fine. Waits a
  // few seconds for its memory to be given back. NotReady unless Explicit.
  // unload_parts: also the parts of an ensemble that nobody else uses and nobody asked for.
  Result<> unload(const std::string& name, bool unload_parts = false);
  // Loads what is new or changed in the folders and what failed before, unloads what has left them.
  void poll();

  // Finishes what the schedulers hold, then refuses. Used once, at the end.
  void stop();

 private:
  struct State;
  explicit Repository(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace neso
