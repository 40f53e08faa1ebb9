// SPDX-License-Identifier: Apache-2.0
#include "model/loading/engine_loader.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/cores.h"
#include "base/error.h"
#include "engine/cpu/cpu_engine.h"
#include "engine/finite_retry.h"
#include "model/loading/faithful_precision.h"
#include "model/loading/open_onnx.h"
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
