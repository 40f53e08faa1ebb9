// SPDX-License-Identifier: Apache-2.0
#include "repository/ensemble_loader.h"

#include <utility>

namespace neso {

Result<std::unique_ptr<Model>> load_ensemble(const ModelSource& source, const ModelConfig& written,
                                             const EnsembleContext& context,
                                             MetricRegistry& metrics, const Clock& clock) {
  const int64_t start_ns = clock.now_ns();
  NESO_TRY(ModelConfig config, complete_model_config(written, {}, false));
  NESO_TRY_VOID(check_ensemble_graph(config));
  ModelParts parts{.name = source.name, .version = source.version};
  NESO_TRY(parts.labels, read_labels(config, source.model_folder));
  parts.kind = make_ensemble_model(config, context);
  parts.recorder = std::make_shared<StatisticsRecorder>(source.name, source.version,
                                                        metric_options(config), metrics, clock);
  parts.recorder->set_load_seconds(static_cast<double>(clock.now_ns() - start_ns) / 1e9);
  parts.config = std::move(config);
  return std::make_unique<Model>(std::move(parts));
}

}  // namespace neso
