// SPDX-License-Identifier: Apache-2.0
// A version folder into a live Model: files, engine, config, checks, self-check, threads.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "base/clock.h"
#include "base/memory_budget.h"
#include "base/metrics.h"
#include "base/result.h"
#include "config/model_config.h"
#include "model/loading/engine_loader.h"
#include "model/loading/model_files.h"
#include "model/model.h"

namespace neso {

struct LoadOptions {
  bool auto_complete_config = true;
  EngineOptions engine = {};
  int64_t default_max_batch_size = 4;              // of models on ONNX Runtime
  MemoryBudget* memory = nullptr;                  // outlives the model; null: no limit
  std::shared_ptr<ResultCache> results = {};       // null: no vectors are kept
  std::shared_ptr<ResponseCache> responses = {};   // null: no answers are cached
  std::shared_ptr<RateLimiter> rate_limiter = {};  // null: engines run as soon as they are free
  DeadlineWatch* deadlines = nullptr;              // outlives the load; see SchedulerOptions
  // False: a model that does not give its reference vectors is loaded, and Model::references() says
  // how far it is from them.
  bool refuse_reference_mismatch = true;
};

// Loads one version. `written` is the model's config as its file has it. Errors are what Triton
// puts behind "failed to load 'NAME' version V: " and into the index. Any thread; `metrics` and
// `clock` outlive the model.
Result<std::unique_ptr<Model>> load_model(const ModelSource& source, const ModelConfig& written,
                                          const LoadOptions& options, MetricRegistry& metrics,
                                          const Clock& clock);

}  // namespace neso
