// SPDX-License-Identifier: Apache-2.0
// A model made of other models: a graph of named tensors and the steps between them (Triton's
// ensemble_scheduling). A step runs as soon as its tensors are there; tensors are handed over, not
// copied.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/completion.h"
#include "base/memory_budget.h"
#include "base/metrics.h"
#include "base/result.h"
#include "config/model_config.h"
#include "request/request_checks.h"
#include "request/requests.h"
#include "scheduling/statistics.h"

namespace neso {

class Model;

// What an ensemble needs of the server around it.
struct EnsembleContext {
  // The part that serves now; errors as a lookup's.
  std::function<Result<std::shared_ptr<Model>>(const std::string&, std::optional<int64_t>)> find;
  // Steps are started there, not on the thread of an engine that has just finished one.
  std::function<void(std::function<void()>)> post;
  MemoryBudget* memory = nullptr;  // what the steps' requests count against; null: none
};

struct EnsembleModel {
  RequestRules rules;
  std::vector<EnsembleStep> steps;
  EnsembleContext context;
};

EnsembleModel make_ensemble_model(const ModelConfig& config, EnsembleContext context);

// Triton's rules about tensors that lead nowhere or come from nowhere; needs no part.
Result<> check_ensemble_graph(const ModelConfig& config);
// The parts as they serve now: all there, with the tensors, types, sizes and batch size that the
// ensemble counts on.
Result<> check_ensemble_parts(const ModelConfig& config, const EnsembleContext& context);

// Checks the request and runs the steps that its outputs need. `done` fires once, on a part's
// thread or, for what is refused, on this one. The response's outputs are sorted by name, as
// Triton's. `model` outlives the run.
void run_ensemble(const EnsembleModel& model, InferRequest request,
                  const std::shared_ptr<StatisticsRecorder>& recorder,
                  Completion<InferResponse> done);

}  // namespace neso
