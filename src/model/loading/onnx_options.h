// SPDX-License-Identifier: Apache-2.0
// What a model's config says to ONNX Runtime, in the names of Triton's onnxruntime backend.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "config/model_config.h"
#include "engine/onnx/onnx_engine.h"

namespace neso {

// On the CPU.
Result<OnnxOptions> onnx_options(const ModelConfig& config, int32_t pad_token_id);

// On a GPU: the parameters of the CUDA provider, and the accelerators `cuda` (any key of the
// provider) and `tensorrt` (Triton's keys; others, and another accelerator, are refused in its
// words).
Result<OnnxGpu> onnx_gpu(const ModelConfig& config, int device);

}  // namespace neso
