// SPDX-License-Identifier: Apache-2.0
// A model's warm-up samples: made of its config and files, and run on each engine before the
// version is ready. They count in its statistics, as in Triton.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "config/model_config.h"
#include "engine/engine.h"
#include "model/infer_plan.h"
#include "scheduling/statistics.h"
#include "sequence/sequence_tensors.h"

namespace neso {

// One sample as tensors: what each of its requests sends, and what the server fills in for it.
struct Warmup {
  std::string name;
  size_t requests = 1;
  size_t count = 1;
  std::vector<NamedTensor> inputs;
  std::vector<NamedTensor> filled_in;  // controls and states that the sample gives
};

// Zeros and random values of a text encoder are those of a text: ids of the vocabulary other than
// the pad's, a mask of ones. Null: any other model.
Result<std::vector<Warmup>> read_warmups(const ModelConfig& config, const EncoderModel* encoder,
                                         const std::filesystem::path& model_folder);

// What the samples of a model run with.
struct WarmupRun {
  const ModelConfig& config;
  std::function<Result<InferPlan>(InferRequest&)> plan;  // the model's own
  const PoolingSpec& pooling;
  const SequenceTensors* sequence_tensors = nullptr;  // null: no model of sequences
  bool engine_pads = false;                           // see job_group
  std::shared_ptr<StatisticsRecorder> recorder;
};

// All samples, in order, up to the first one that fails.
Result<> run_warmups(const std::vector<Warmup>& warmups, const WarmupRun& run, Engine& engine);

}  // namespace neso
