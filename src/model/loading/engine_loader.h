// SPDX-License-Identifier: Apache-2.0
// The chosen engine of a model version, opened: first the weights or the graph, which tell what the
// config leaves open, then as many engines as the completed config asks for.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/host_policy.h"
#include "config/model_config.h"
#include "engine/engine.h"
#include "model/loading/instances.h"
#include "model/loading/model_files.h"

namespace neso {

// What the server says of engines; a model's config may say otherwise of its own.
struct EngineOptions {
  std::filesystem::path onnx_runtime_library;  // empty: searched for
  HostPolicies host_policies = {};
  // Of our own engine. None: the fastest that is faithful (faithful_precision.h).
  std::optional<Precision> precision = {};
  std::string isa;  // empty: the best of this CPU
};

// What one of a model's engines gets of the machine.
struct EngineShare {
  size_t count = 1;             // the cores, divided by that many engines
  std::optional<int> gpu = {};  // of OpenedEngine::gpus; empty: the CPU
  // The calling thread is on the cores of this engine's host policy, which the first one to be
  // opened on a GPU did not know.
  bool bound = false;
};

struct OpenedEngine {
  EngineKind kind = EngineKind::Cpu;
  EngineInfo info;
  bool own = true;               // our engine encodes: texts of a batch are packed, not padded
  bool graph = false;            // ONNX Runtime runs the model's graph
  std::string precision_reason;  // empty: somebody chose it
  std::vector<int> gpus;         // that instances may be on, all there are; empty: the CPU only
  std::optional<int> first_gpu;  // where the engine of `info` was opened; empty: the CPU
  std::string gpu_warning;       // what the config asks for and does not get; empty: nothing
  // One engine with its share of the calling thread's cores. The first call for the place of the
  // engine that was opened for `info` hands out that one, when there was one.
  std::function<Result<std::unique_ptr<Engine>>(const EngineShare& share)> make;
};

Result<OpenedEngine> open_engine(const ModelFiles& files, EngineKind kind,
                                 const ModelConfig& config, const EngineOptions& options);

// Our own engine with the weights of files.checkpoint. precision, isa: see EngineOptions.
Result<OpenedEngine> open_own_engine(const ModelFiles& files, std::optional<Precision> precision,
                                     const std::string& isa);

// "auto", which is none, or a precision's name.
Result<std::optional<Precision>> parse_precision_choice(std::string_view name);

// What our own engine is to compute in: the config's parameter 'precision', else the server's.
Result<std::optional<Precision>> engine_precision(const ModelConfig& config,
                                                  const EngineOptions& options);

// The engines that the completed config's instance groups ask for, at least one. Our own engine
// gets no more than there are cores, since each of them already uses several.
std::vector<InstancePlace> engine_places(const ModelConfig& config, const OpenedEngine& engine);

}  // namespace neso
