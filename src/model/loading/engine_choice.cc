// SPDX-License-Identifier: Apache-2.0
#include "model/loading/engine_choice.h"

#include <fmt/format.h>

#include "base/error.h"

namespace neso {
namespace {

// The backend that the config names, also by platform or file name.
std::string named_backend(const ModelConfig& config) {
  if (!config.backend.empty()) return config.backend;
  if (config.platform == "onnxruntime_onnx") return "onnxruntime";
  if (!config.platform.empty()) return config.platform;
  return config.default_model_filename == "model.onnx" ? "onnxruntime" : "";
}

std::string because(const EngineCandidates& candidates) {
  return candidates.no_weights_reason.empty() ? std::string()
                                              : fmt::format(" ({})", candidates.no_weights_reason);
}

Result<EngineChoice> choose_as_told(const ModelConfig& config, const EngineCandidates& candidates,
                                    const std::string& wish) {
  if (wish == "cpu") {
    if (candidates.has_weights) return EngineChoice{EngineKind::Cpu, "the config asks for it"};
    if (candidates.has_onnx_weights) {
      return EngineChoice{EngineKind::Onnx, "the config asks for our engine on its weights",
                          NativeEncoding::Required};
    }
    return invalid_argument(
        "model '{}' asks for engine 'cpu', which needs config.json and model.safetensors, or an "
        "ONNX export, of a supported architecture{}",
        config.name, because(candidates));
  }
  if (wish == "onnx") {
    if (candidates.has_onnx) return EngineChoice{EngineKind::Onnx, "the config asks for it"};
    return invalid_argument("model '{}' asks for engine 'onnx', but there is no '{}'", config.name,
                            candidates.onnx_file);
  }
  return invalid_argument("model '{}': parameter 'engine' is '{}'; it is 'cpu' or 'onnx'",
                          config.name, wish);
}

}  // namespace

Result<EngineChoice> choose_engine(const ModelConfig& config, const EngineCandidates& candidates) {
  const std::string backend = named_backend(config);
  if (!backend.empty() && backend != "onnxruntime" && backend != "neso") {
    return invalid_argument(
        "unable to find backend library for backend '{}', try specifying runtime on the model "
        "configuration.",
        backend);
  }
  if (const auto wish = config.parameters.find("engine"); wish != config.parameters.end()) {
    return choose_as_told(config, candidates, wish->second);
  }
  const NativeEncoding native =
      candidates.has_onnx_weights ? NativeEncoding::IfItAgrees : NativeEncoding::No;
  if (backend == "onnxruntime" && candidates.has_onnx) {
    return EngineChoice{
        EngineKind::Onnx,
        fmt::format("backend onnxruntime with '{}'{}", candidates.onnx_file, because(candidates)),
        native};
  }
  if (candidates.has_weights) {
    return EngineChoice{
        EngineKind::Cpu,
        backend == "onnxruntime"
            ? fmt::format("backend onnxruntime, but there is no '{}', only safetensors",
                          candidates.onnx_file)
            : "it has safetensors of a supported architecture"};
  }
  if (candidates.has_onnx) {
    return EngineChoice{EngineKind::Onnx,
                        fmt::format("it has '{}'{}", candidates.onnx_file, because(candidates)),
                        native};
  }
  return not_found("model '{}' has neither '{}' nor config.json with model.safetensors{}",
                   config.name, candidates.onnx_file, because(candidates));
}

}  // namespace neso
