// SPDX-License-Identifier: Apache-2.0
#include "model/loading/engine_loader.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "base/cores.h"
#include "base/error.h"
#include "engine/cpu/cpu_engine.h"
#include "engine/finite_retry.h"
#include "engine/onnx/onnx_engine.h"
#include "model/loading/faithful_precision.h"
#include "simd/cpu.h"

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

Result<OnnxOptions> onnx_options(const ModelConfig& config, int32_t pad_token_id) {
  constexpr int kMostThreads = 1024;
  OnnxOptions options;
  options.pad_token_id = pad_token_id;
  options.graph_optimization_level = config.graph_optimization_level;
  NESO_TRY(options.intra_op_threads,
           number_parameter(config, "intra_op_thread_count", 0, kMostThreads));
  // By itself ONNX Runtime starts a thread for each core, whatever a container's quota says.
  if (options.intra_op_threads == 0 && cgroup_cores() != 0)
    options.intra_op_threads = static_cast<int>(usable_cores());
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

Result<OpenedEngine> open_onnx(const ModelFiles& files, const ModelConfig& config,
                               const std::filesystem::path& library) {
  NESO_TRY(const OnnxOptions options,
           onnx_options(config, files.checkpoint ? files.checkpoint->pad_token_id : 0));
  NESO_TRY(auto runtime, open_onnx_runtime(library));
  NESO_TRY(auto first, open_onnx_engine(runtime, files.onnx_model, options));
  OpenedEngine opened;
  opened.kind = EngineKind::Onnx;
  opened.info = first->info();
  opened.own = false;
  opened.graph = true;
  // A std::function is copied, so what it hands over is shared.
  const auto kept = std::make_shared<std::unique_ptr<Engine>>(std::move(first));
  opened.make = [kept, runtime, model = files.onnx_model,
                 options](size_t) -> Result<std::unique_ptr<Engine>> {
    if (*kept) return std::move(*kept);
    return open_onnx_engine(runtime, model, options);
  };
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
  opened.make =
      [loaded, exact = ExactWeights(files, isa)](size_t count) -> Result<std::unique_ptr<Engine>> {
    const size_t threads = std::max<size_t>(1, usable_cores() / count);
    NESO_TRY(auto engine, make_cpu_engine(loaded.weights, {.threads = threads}));
    if (loaded.precision == Precision::Fp32) return engine;
    return retry_when_not_finite(std::move(engine),
                                 [exact, threads] { return exact.make_engine(threads); });
  };
  NESO_TRY(const auto first, opened.make(usable_cores()));
  opened.info = first->info();
  return opened;
}

Result<OpenedEngine> open_engine(const ModelFiles& files, EngineKind kind,
                                 const ModelConfig& config, const EngineOptions& options) {
  if (kind == EngineKind::Onnx) return open_onnx(files, config, options.onnx_runtime_library);
  NESO_TRY(const auto precision, engine_precision(config, options));
  return open_own_engine(files, precision, options.isa);
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

size_t instance_count(const ModelConfig& config, bool own) {
  size_t count = 0;
  for (const InstanceGroup& group : config.instance_groups) {
    count += static_cast<size_t>(std::max(1, group.count));
  }
  count = std::max<size_t>(1, count);
  return own ? std::min(count, usable_cores()) : count;
}

}  // namespace neso
