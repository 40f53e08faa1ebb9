// SPDX-License-Identifier: Apache-2.0
// The engines of a model version: made, checked, warmed up, and put behind a scheduler with the
// version's limits, queue policies and caches.
#pragma once

#include <memory>

#include "base/metrics.h"
#include "base/result.h"
#include "model/loading/loading.h"
#include "model/loading/model_memory.h"
#include "model/model.h"

namespace neso {

// Takes what the version needs of the server's memory, or refuses it.
Result<> reserve(Loading& loading, EngineUse use);

// `parts` has its kind and its recorder. Fills in loading.references. `metrics` outlives the
// scheduler.
Result<std::unique_ptr<Scheduler>> start_scheduler(Loading& loading, const ModelParts& parts,
                                                   MetricRegistry& metrics);

// The version's answers in the server's response cache; null when its config does not want that.
// `metrics` and `clock` outlive them.
std::unique_ptr<const ModelResponses> make_responses(const Loading& loading,
                                                     MetricRegistry& metrics, const Clock& clock);

}  // namespace neso
