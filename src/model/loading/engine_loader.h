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
#include "config/model_config.h"
#include "engine/engine.h"
#include "model/loading/model_files.h"

namespace neso {

// What the server says of engines; a model's config may say otherwise of its own.
struct EngineOptions {
  std::filesystem::path onnx_runtime_library;  // empty: searched for
  // Of our own engine. None: the fastest that is faithful (faithful_precision.h).
  std::optional<Precision> precision = {};
  std::string isa;  // empty: the best of this CPU
};

struct OpenedEngine {
  EngineKind kind = EngineKind::Cpu;
  EngineInfo info;
  bool own = true;               // our engine encodes: texts of a batch are packed, not padded
  bool graph = false;            // ONNX Runtime runs the model's graph
  std::string precision_reason;  // empty: somebody chose it
  // One engine with its share of the cores, 1 of `count`. The first call hands out the one that was
  // opened for `info`, when there was one.
  std::function<Result<std::unique_ptr<Engine>>(size_t count)> make;
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

// How many engines the completed config's instance groups ask for, at least 1. Our own engine gets
// no more than there are cores, since each of them already uses several.
size_t instance_count(const ModelConfig& config, bool own);

}  // namespace neso
