// SPDX-License-Identifier: Apache-2.0
// The chosen engine of a model version, opened: first the weights or the graph, which tell what the
// config leaves open, then as many engines as the completed config asks for.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <vector>

#include "base/result.h"
#include "config/model_config.h"
#include "engine/engine.h"
#include "serving/model_files.h"

namespace neso {

struct OpenedEngine {
  EngineKind kind = EngineKind::Cpu;
  EngineInfo info;
  // One engine with its share of the cores, 1 of `count`. The first call hands out the one that was
  // opened for `info`, when there was one.
  std::function<Result<std::unique_ptr<Engine>>(size_t count)> make;
};

Result<OpenedEngine> open_engine(const ModelFiles& files, EngineKind kind,
                                 const ModelConfig& config,
                                 const std::filesystem::path& onnx_runtime_library);

// How many engines the completed config's instance groups ask for, at least 1. Our own engine gets
// no more than there are cores, since each of them already uses several.
size_t instance_count(const ModelConfig& config, EngineKind kind);

}  // namespace neso
