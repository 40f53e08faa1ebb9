// SPDX-License-Identifier: Apache-2.0
// Private to this folder: ONNX Runtime's CUDA and TensorRT providers in a session's options.
#pragma once

#include <string>
#include <vector>

#include "engine/onnx/onnx_engine.h"
#include "engine/onnx/ort_runtime.h"

namespace neso {

// "CUDAExecutionProvider", "CPUExecutionProvider", ...: what the library was built with.
Result<std::vector<std::string>> available_providers(const OrtApi& api);

// TensorRT, when asked for, then CUDA, which has the nodes that TensorRT leaves; the CPU has those
// that CUDA leaves. The error has the library's reason.
Result<> append_gpu_providers(const OnnxRuntime& runtime, OrtSessionOptions* options,
                              const OnnxGpu& gpu);

}  // namespace neso
