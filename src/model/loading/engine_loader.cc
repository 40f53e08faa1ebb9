// SPDX-License-Identifier: Apache-2.0
#include "model/loading/engine_loader.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/check.h"
#include "base/cores.h"
#include "base/error.h"
#include "engine/cpu/cpu_engine.h"
#include "engine/finite_retry.h"
#include "engine/onnx/onnx_engine.h"
#include "gpu/gpu_devices.h"
#include "model/loading/faithful_precision.h"
#include "model/loading/onnx_options.h"
#include "simd/cpu.h"

namespace neso {
namespace {

// The same model in fp32, read from its folders when it is first needed.
class ExactWeights {
 public:
  ExactWeights(const ModelFiles& files, Isa isa)
      : find_again_(files.find_again),
        folder_(files.checkpoint->folder),
        weights_folder_(files.weights_folder),
        stamp_(newest_change()),
        isa_(isa) {}

  Result<std::unique_ptr<Engine>> make_engine(size_t threads) const {
    if (newest_change() != stamp_)
      return unsupported("the files in {} have changed since the model was loaded",
                         weights_folder_.string());
    NESO_TRY(const ModelFiles files, find_again_());
    if (!files.checkpoint || !files.checkpoint->weights)
      return not_found("{} has no weights any more", weights_folder_.string());
    NESO_TRY(auto weights, load_cpu_weights(*files.checkpoint, Precision::Fp32, isa_));
    return make_cpu_engine(std::move(weights), {.threads = threads});
  }

 private:
  std::filesystem::file_time_type newest_change() const {
    auto newest = std::filesystem::file_time_type::min();
    std::error_code error;
    for (const std::filesystem::path& folder : {folder_, weights_folder_}) {
      for (const auto& entry : std::filesystem::directory_iterator(folder, error))
        newest = std::max(newest, entry.last_write_time(error));
    }
    return newest;
  }

  std::function<Result<ModelFiles>()> find_again_;
  std::filesystem::path folder_;
  std::filesystem::path weights_folder_;
  std::filesystem::file_time_type stamp_;
  Isa isa_;
};

Result<FaithfulWeights> load_weights(const Checkpoint& checkpoint,
                                     std::optional<Precision> precision, Isa isa) {
  if (!precision) return load_faithful_weights(checkpoint, isa, multiplies_bf16(isa));
  FaithfulWeights chosen{.precision = *precision};
  NESO_TRY(chosen.weights, load_cpu_weights(checkpoint, *precision, isa));
  return chosen;
}

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

std::string own_engine_warning(const ModelConfig& config) {
  if (gpu_wish(config) != GpuWish::Asked) return {};
  return asks_for_a_gpu(config,
                        "neso's own engine has no GPU; to use one, serve model.onnx with backend "
                        "\"onnxruntime\", or say KIND_CPU");
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

}  // namespace

Result<OpenedEngine> open_own_engine(const ModelFiles& files, std::optional<Precision> precision,
                                     const std::string& isa_name) {
  NESO_TRY(const Isa isa, choose_isa(isa_name));
  NESO_TRY(const FaithfulWeights loaded, load_weights(*files.checkpoint, precision, isa));
  OpenedEngine opened;
  opened.kind = EngineKind::Cpu;
  opened.precision_reason = loaded.reason;
  opened.make = [loaded, exact = ExactWeights(files, isa)](
                    const EngineShare& share) -> Result<std::unique_ptr<Engine>> {
    const size_t threads = std::max<size_t>(1, usable_cores() / share.count);
    NESO_TRY(auto engine, make_cpu_engine(loaded.weights, {.threads = threads}));
    if (loaded.precision == Precision::Fp32) return engine;
    return retry_when_not_finite(std::move(engine),
                                 [exact, threads] { return exact.make_engine(threads); });
  };
  NESO_TRY(const auto first, opened.make({.count = usable_cores()}));
  opened.info = first->info();
  return opened;
}

Result<OpenedEngine> open_engine(const ModelFiles& files, EngineKind kind,
                                 const ModelConfig& config, const EngineOptions& options) {
  if (kind == EngineKind::Onnx) return open_onnx(files, config, options.onnx_runtime_library);
  NESO_TRY(const auto precision, engine_precision(config, options));
  NESO_TRY(OpenedEngine opened, open_own_engine(files, precision, options.isa));
  opened.gpu_warning = own_engine_warning(config);
  return opened;
}

Result<std::optional<Precision>> parse_precision_choice(std::string_view name) {
  if (name == "auto") return std::optional<Precision>();
  const auto precision = parse_precision(name);
  if (precision) return std::optional(*precision);
  return invalid_argument("there is no precision '{}'; choose from auto, fp32, bf16, int8", name);
}

Result<std::optional<Precision>> engine_precision(const ModelConfig& config,
                                                  const EngineOptions& options) {
  const auto wish = config.parameters.find("precision");
  if (wish == config.parameters.end()) return options.precision;
  auto precision = parse_precision_choice(wish->second);
  if (precision) return precision;
  return invalid_argument("model '{}': parameter 'precision': {}", config.name,
                          precision.error().message);
}

std::vector<InstancePlace> engine_places(const ModelConfig& config, const OpenedEngine& engine) {
  std::vector<InstancePlace> places = instance_places(config, engine.gpus);
  if (engine.own && places.size() > usable_cores()) places.resize(usable_cores());
  return places;
}

}  // namespace neso
