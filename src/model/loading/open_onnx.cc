// SPDX-License-Identifier: Apache-2.0
#include "model/loading/open_onnx.h"

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/cores.h"
#include "base/error.h"
#include "engine/onnx/onnx_engine.h"
#include "gpu/gpu_devices.h"
#include "model/loading/instances.h"
#include "model/loading/onnx_options.h"

namespace neso {
namespace {

// Our engine instead of the graph's, by the config's word.
bool asks_for_own_engine(const ModelConfig& config) {
  const auto wish = config.parameters.find("engine");
  return wish != config.parameters.end() && wish->second == "cpu";
}

std::string asks_for_a_gpu(const ModelConfig& config, std::string_view why_not) {
  return fmt::format(
      "model '{}' asks for a GPU (KIND_GPU in its instance_group) and runs on the CPU: {}",
      config.name, why_not);
}

// The ids of the GPUs that this ONNX Runtime could use, or why there are none.
Result<std::vector<int>> usable_gpus(const OnnxRuntime& runtime, GpuWish wish) {
  // Who did not ask for a GPU is spared the start of the driver where it would be for nothing; who
  // did is told first that there is none.
  if (wish != GpuWish::Asked) NESO_TRY_VOID(check_cuda_provider(runtime));
  NESO_TRY(const auto gpus, find_gpus());
  NESO_TRY_VOID(check_cuda_provider(runtime));
  std::vector<int> ids;
  for (const GpuDevice& gpu : gpus) ids.push_back(gpu.id);
  return ids;
}

// By itself ONNX Runtime starts a thread for each core, and binds it there, whatever a container's
// quota and the calling thread's own cores say.
OnnxOptions with_usable_cores(OnnxOptions options) {
  const bool all = cgroup_cores() == 0 && usable_cores() == machine_cores();
  if (options.intra_op_threads == 0 && !all)
    options.intra_op_threads = static_cast<int>(usable_cores());
  return options;
}

// How a graph was opened first.
struct OnnxOpening {
  std::unique_ptr<Engine> engine;
  OnnxOptions options;
  std::string failure;  // of a provider that was tried before
};

// The first that works: on the GPU with TensorRT, with CUDA alone, on the CPU.
Result<OnnxOpening> open_somewhere(const std::shared_ptr<OnnxRuntime>& runtime,
                                   const std::filesystem::path& model, OnnxOptions wanted) {
  std::vector<OnnxOptions> ways = {wanted};
  if (wanted.gpu && std::exchange(wanted.gpu->tensorrt, std::nullopt)) ways.push_back(wanted);
  if (std::exchange(wanted.gpu, std::nullopt)) ways.push_back(wanted);
  std::string failure;
  for (const OnnxOptions& way : ways) {
    auto engine = open_onnx_engine(runtime, model, with_usable_cores(way));
    if (engine) return OnnxOpening{*std::move(engine), way, std::move(failure)};
    if (!way.gpu) return std::move(engine).error();
    if (failure.empty()) failure = engine.error().message;
  }
  return internal_error("no way to open {} was tried", model.string());
}

// Of an opening that is not what the config wanted.
std::string failure_warning(const ModelConfig& config, const OnnxOpening& opening) {
  return fmt::format(
      "model '{}' runs on the {}: {}. Where a library is missing, install it in the version that "
      "this ONNX Runtime was built for and name its folder in LD_LIBRARY_PATH; an option that is "
      "refused has to leave the config",
      config.name,
      opening.options.gpu ? "GPU without the TensorRT that its config asks for"
                          : "CPU, though there is a GPU",
      opening.failure);
}

std::optional<int> gpu_of(const OnnxOptions& options) {
  return options.gpu ? std::optional(options.gpu->device) : std::nullopt;
}

// Hands out the opened engine where it was opened; others are opened as it was.
auto onnx_maker(std::shared_ptr<OnnxRuntime> runtime, std::filesystem::path model,
                OnnxOpening first) {
  // A std::function is copied, so what it hands over is shared.
  const auto kept = std::make_shared<std::unique_ptr<Engine>>(std::move(first.engine));
  return [kept, runtime = std::move(runtime), model = std::move(model),
          as_first = std::move(first.options)](
             const EngineShare& share) -> Result<std::unique_ptr<Engine>> {
    if (share.bound && share.gpu && share.gpu == gpu_of(as_first)) kept->reset();
    if (*kept && share.gpu == gpu_of(as_first)) return std::move(*kept);
    OnnxOptions options = as_first;
    if (share.gpu) {
      NESO_CHECK(options.gpu.has_value());  // OpenedEngine::gpus would be empty
      options.gpu->device = *share.gpu;
    } else {
      options.gpu.reset();
    }
    return open_onnx_engine(runtime, model, with_usable_cores(options));
  };
}

}  // namespace

std::string own_engine_warning(const ModelConfig& config) {
  if (gpu_wish(config) != GpuWish::Asked) return {};
  return asks_for_a_gpu(config,
                        "neso's own engine has no GPU; to use one, serve model.onnx with backend "
                        "\"onnxruntime\", or say KIND_CPU");
}

Result<OpenedEngine> open_onnx(const ModelFiles& files, const ModelConfig& config,
                               const std::filesystem::path& library) {
  NESO_TRY(OnnxOptions options,
           onnx_options(config, files.checkpoint ? files.checkpoint->pad_token_id : 0));
  NESO_TRY(auto runtime, open_onnx_runtime(library));
  OpenedEngine opened;
  const GpuWish wish = gpu_wish(config);
  if (asks_for_own_engine(config)) {
    opened.gpu_warning = own_engine_warning(config);
  } else if (wish != GpuWish::None) {
    auto gpus = usable_gpus(*runtime, wish);
    if (gpus) {
      NESO_TRY(const int device, first_gpu(config, *gpus));
      NESO_TRY(options.gpu, onnx_gpu(config, device));
      opened.gpus = *std::move(gpus);
    } else if (wish == GpuWish::Asked) {
      opened.gpu_warning = asks_for_a_gpu(config, gpus.error().message);
    }
  }
  NESO_TRY(OnnxOpening first, open_somewhere(runtime, files.onnx_model, options));
  if (!first.failure.empty()) opened.gpu_warning = failure_warning(config, first);
  if (!first.options.gpu) opened.gpus.clear();
  opened.kind = EngineKind::Onnx;
  opened.info = first.engine->info();
  opened.own = false;
  opened.graph = true;
  opened.first_gpu = gpu_of(first.options);
  opened.make = onnx_maker(std::move(runtime), files.onnx_model, std::move(first));
  return opened;
}

}  // namespace neso
