// SPDX-License-Identifier: Apache-2.0
// The keys are those of Triton's onnxruntime backend (its README and src/onnxruntime.cc).
#include "model/loading/onnx_options.h"

#include <algorithm>
#include <charconv>
#include <span>
#include <string_view>

#include "base/cores.h"
#include "base/error.h"

namespace neso {
namespace {

// A parameter of Triton's onnxruntime backend: an integer of `least` to `most`.
Result<int> number_parameter(const ModelConfig& config, const char* key, int otherwise, int most) {
  const auto found = config.parameters.find(key);
  if (found == config.parameters.end()) return otherwise;
  const std::string& text = found->second;
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && end == text.data() + text.size() && value >= 0 && value <= most) {
    return value;
  }
  return invalid_argument("model '{}': parameter '{}' is '{}'; it is a number from 0 to {}",
                          config.name, key, text, most);
}

// Of TensorRT's accelerator, besides precision_mode. Sorted.
constexpr std::string_view kTensorRtKeys[] = {
    "trt_auxiliary_streams",
    "trt_build_heuristics_enable",
    "trt_builder_optimization_level",
    "trt_context_memory_sharing_enable",
    "trt_cuda_graph_enable",
    "trt_detailed_build_log",
    "trt_dla_core",
    "trt_dla_enable",
    "trt_dump_ep_context_model",
    "trt_dump_subgraphs",
    "trt_engine_cache_enable",
    "trt_engine_cache_path",
    "trt_engine_cache_prefix",
    "trt_ep_context_embed_mode",
    "trt_ep_context_file_path",
    "trt_extra_plugin_lib_paths",
    "trt_force_sequential_engine_build",
    "trt_force_timing_cache",
    "trt_layer_norm_fp32_fallback",
    "trt_max_partition_iterations",
    "trt_min_subgraph_size",
    "trt_profile_max_shapes",
    "trt_profile_min_shapes",
    "trt_profile_opt_shapes",
    "trt_sparsity_enable",
    "trt_tactic_sources",
    "trt_timing_cache_enable",
    "trt_timing_cache_path",
};
static_assert(std::ranges::is_sorted(kTensorRtKeys));

// Triton's keys that ONNX Runtime calls otherwise.
std::string_view tensorrt_key(std::string_view key) {
  if (key == "max_workspace_size_bytes") return "trt_max_workspace_size";
  if (key == "int8_calibration_table_name") return "trt_int8_calibration_table_name";
  if (key == "int8_use_native_calibration_table") return "trt_int8_use_native_calibration_table";
  return std::ranges::binary_search(kTensorRtKeys, key) ? key : std::string_view();
}

Result<> set_tensorrt(OnnxGpu::Settings& settings, const std::string& key,
                      const std::string& value) {
  if (key == "precision_mode") {
    if (value == "FP32") return {};
    if (value != "FP16" && value != "BF16" && value != "INT8") {
      return invalid_argument(
          "unsupported precision mode '{}' is requested; it is FP32, FP16, BF16 or INT8", value);
    }
    settings[value == "FP16"   ? "trt_fp16_enable"
             : value == "BF16" ? "trt_bf16_enable"
                               : "trt_int8_enable"] = "1";
    return {};
  }
  const std::string_view known = tensorrt_key(key);
  if (known.empty()) {
    return invalid_argument(
        "unknown parameter '{}' is provided for TensorRT Execution Accelerator; remove it", key);
  }
  settings[std::string(known)] = value;
  return {};
}

Result<> set_accelerator(OnnxGpu& gpu, const GpuAccelerator& accelerator) {
  if (accelerator.name == "cuda") {
    for (const auto& [key, value] : accelerator.parameters) gpu.cuda[key] = value;
    return {};
  }
  if (accelerator.name != "tensorrt") {
    return invalid_argument(
        "unknown Execution Accelerator '{}' is requested; a GPU has 'tensorrt' and 'cuda'",
        accelerator.name);
  }
  if (!gpu.tensorrt) gpu.tensorrt.emplace();
  for (const auto& [key, value] : accelerator.parameters)
    NESO_TRY_VOID(set_tensorrt(*gpu.tensorrt, key, value));
  return {};
}

// A parameter that is a number in Triton and a word in ONNX Runtime.
Result<> set_choice(const ModelConfig& config, const char* key,
                    std::span<const std::string_view> words, OnnxGpu::Settings& settings) {
  if (!config.parameters.contains(key)) return {};
  NESO_TRY(const int choice, number_parameter(config, key, 0, static_cast<int>(words.size()) - 1));
  settings[key] = words[static_cast<size_t>(choice)];
  return {};
}

}  // namespace

Result<OnnxOptions> onnx_options(const ModelConfig& config, int32_t pad_token_id) {
  constexpr int kMostThreads = 1024;
  OnnxOptions options;
  options.pad_token_id = pad_token_id;
  options.graph_optimization_level = config.graph_optimization_level;
  NESO_TRY(options.intra_op_threads,
           number_parameter(config, "intra_op_thread_count", 0, kMostThreads));
  NESO_TRY(options.inter_op_threads,
           number_parameter(config, "inter_op_thread_count", 0, kMostThreads));
  NESO_TRY(options.execution_mode, number_parameter(config, "execution_mode", 0, 1));
  NESO_TRY(const int arena, number_parameter(config, "enable_mem_arena", 1, 1));
  NESO_TRY(const int pattern, number_parameter(config, "enable_mem_pattern", 1, 1));
  NESO_TRY(const int initializers,
           number_parameter(config, "session.use_device_allocator_for_initializers", 0, 1));
  options.use_device_allocator_for_initializers = initializers == 1;
  if (const auto found = config.parameters.find("memory.enable_memory_arena_shrinkage");
      found != config.parameters.end()) {
    options.arena_shrinkage = found->second;
  }
  options.enable_mem_arena = arena == 1;
  options.enable_mem_pattern = pattern == 1;
  return options;
}

Result<OnnxGpu> onnx_gpu(const ModelConfig& config, int device) {
  constexpr std::string_view kSearches[] = {"EXHAUSTIVE", "HEURISTIC", "DEFAULT"};
  constexpr std::string_view kStrategies[] = {"kNextPowerOfTwo", "kSameAsRequested"};
  OnnxGpu gpu{.device = device};
  for (const GpuAccelerator& accelerator : config.gpu_accelerators)
    NESO_TRY_VOID(set_accelerator(gpu, accelerator));
  // The older way to say it; where both do, Triton takes this one.
  NESO_TRY_VOID(set_choice(config, "cudnn_conv_algo_search", kSearches, gpu.cuda));
  NESO_TRY_VOID(set_choice(config, "arena_extend_strategy", kStrategies, gpu.cuda));
  for (const char* key :
       {"gpu_mem_limit", "do_copy_in_default_stream", "cudnn_conv_use_max_workspace"}) {
    if (const auto found = config.parameters.find(key); found != config.parameters.end())
      gpu.cuda[key] = found->second;
  }
  return gpu;
}

}  // namespace neso
