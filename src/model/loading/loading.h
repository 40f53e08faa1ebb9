// SPDX-License-Identifier: Apache-2.0
// What the pieces of a model version add up to, on the way to a Model.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>

#include "base/affinity.h"
#include "base/memory_budget.h"
#include "checkpoint/pooling_spec.h"
#include "config/model_config.h"
#include "model/loading/engine_loader.h"
#include "model/loading/model_files.h"
#include "model/loading/model_loader.h"
#include "model/loading/self_check.h"
#include "model/token_rows.h"
#include "sequence/sequence_tensors.h"
#include "tokenizer/tokenizer.h"

namespace neso {

struct Loading {
  const ModelSource& source;
  const LoadOptions& options;
  ModelFiles files;
  OpenedEngine engine;
  ModelConfig config;  // as written, later completed
  MemoryShare memory;
  std::shared_ptr<const Tokenizer> tokenizer;
  PoolingSpec pooling;
  TokenLimits limits;
  size_t max_tokens = 0;
  size_t pooled_width = 0;
  size_t width = 0;
  bool instances_declared = false;
  std::optional<ReferenceAgreement> references;
  bool reduced_in_vain = false;  // nobody chose bf16, and the reference vectors refuse it
  std::optional<SequenceTensors> sequence_tensors;
  BoundThread thread;  // runs where the engine that it makes shall run
};

}  // namespace neso
