// SPDX-License-Identifier: Apache-2.0
// Triton's raw request: a body that is nothing but one input's bytes (binary tensor data extension,
// core/src/infer_request.cc). The model's config says what they are.
#pragma once

#include "base/result.h"
#include "config/model_config.h"
#include "request/requests.h"

namespace neso {

// Gives the one nameless tensor of a request with `raw` set the name, type and shape of the model's
// only input: batch size 1, and at most one variable dimension, which takes what the bytes leave.
Result<> describe_raw_input(const ModelConfig& config, InferRequest& request);

}  // namespace neso
