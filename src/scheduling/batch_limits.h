// SPDX-License-Identifier: Apache-2.0
// How large a model's batches may be and which of its requests are small, from its config and from
// what it runs on.
#pragma once

#include <cstddef>

#include "config/model_config.h"
#include "scheduling/batcher.h"

namespace neso {

struct EngineFacts {
  bool encoder = false;
  bool graph = false;  // ONNX Runtime takes part, and with it the config's batch size
  size_t engines = 1;
};

// The choices and their reasons are in docs/adr/0012-lanes-and-admission.md.
BatchLimits batch_limits(const ModelConfig& config, const EngineFacts& facts);

}  // namespace neso
