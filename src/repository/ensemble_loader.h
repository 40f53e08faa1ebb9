// SPDX-License-Identifier: Apache-2.0
// A live ensemble out of its config: it has no files.
#pragma once

#include <memory>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/result.h"
#include "config/model_config.h"
#include "model/ensemble.h"
#include "model/loading/model_files.h"
#include "model/model.h"

namespace neso {

// `written` as its file has it, with steps. The parts need not serve yet (check_ensemble_parts).
// `metrics`, `clock` and what `context` refers to outlive the model.
Result<std::unique_ptr<Model>> load_ensemble(const ModelSource& source, const ModelConfig& written,
                                             const EnsembleContext& context,
                                             MetricRegistry& metrics, const Clock& clock);

}  // namespace neso
