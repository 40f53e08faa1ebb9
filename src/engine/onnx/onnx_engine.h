// SPDX-License-Identifier: Apache-2.0
// Any ONNX model through ONNX Runtime, on the CPU or on a GPU; its library is opened at run time.
// See docs/adr/0004.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "engine/engine.h"

namespace neso {

// How a session uses a GPU. Keys and values are those of ONNX Runtime's providers:
// https://onnxruntime.ai/docs/execution-providers/CUDA-ExecutionProvider.html and
// TensorRT-ExecutionProvider.html.
struct OnnxGpu {
  using Settings = std::map<std::string, std::string>;
  int device = 0;  // as CUDA counts
  Settings cuda;
  std::optional<Settings> tensorrt;  // when there: asked before CUDA, which takes the rest
};

struct OnnxOptions {
  // 0: ONNX Runtime's default. Names and meaning as Triton's onnxruntime backend has them.
  int intra_op_threads = 0;
  int inter_op_threads = 0;
  int execution_mode = 0;            // 0 sequential, 1 parallel
  int graph_optimization_level = 0;  // -1 basic, 0 all, 1 extended, 2 disabled
  bool enable_mem_arena = true;
  bool enable_mem_pattern = true;
  std::string arena_shrinkage;  // after each run, of these devices: "cpu:0"; empty: of none
  bool use_device_allocator_for_initializers = false;
  std::optional<OnnxGpu> gpu;  // empty: the CPU
  // For encode: the id that fills padded places.
  int32_t pad_token_id = 0;
};

// A loaded library; shared by all sessions.
class OnnxRuntime;
// Opens libonnxruntime: `library` when given, else beside the program, else by the loader's search
// path. One per process and path; any thread. The error tells how to get it.
Result<std::shared_ptr<OnnxRuntime>> open_onnx_runtime(const std::filesystem::path& library = {});
// "1.32.0"
std::string onnx_runtime_version(const OnnxRuntime& runtime);
// That the library was built with the CUDA provider, or how to get one that was. Whether it can be
// used is seen when a model is opened with it.
Result<> check_cuda_provider(const OnnxRuntime& runtime);

// The bytes of model.onnx with its external data, without opening it; errors as
// open_onnx_engine's.
Result<uint64_t> onnx_model_bytes(const std::filesystem::path& model);

// Opens model.onnx. can_run always; can_encode when the graph looks like a text encoder: an input
// `input_ids`, all other inputs among attention_mask, token_type_ids, position_ids, and a float
// output [batch, tokens, hidden] (or a pooled [batch, width] one, which then is what encode
// answers).
Result<std::unique_ptr<Engine>> open_onnx_engine(std::shared_ptr<OnnxRuntime> runtime,
                                                 const std::filesystem::path& model,
                                                 const OnnxOptions& options);

}  // namespace neso
