// SPDX-License-Identifier: Apache-2.0
// A model on ONNX Runtime whose texts our own engine encodes with the weights of the graph, once
// probes have shown that both compute the same. What a request asks of the graph itself still comes
// from the graph.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "base/result.h"
#include "model/loading/engine_loader.h"
#include "model/loading/model_files.h"

namespace neso {

struct NativeTerms {
  bool required = false;  // else ONNX Runtime goes on encoding where the two do not agree
  // The graph's own outputs can be asked for, so that ONNX Runtime stays loaded for them.
  bool keeps_graph = true;
  size_t vocabulary = 0;
  size_t types = 1;
  size_t max_tokens = 0;  // 0: no limit
  // What it then encodes with; the probes are in fp32.
  std::optional<Precision> precision = Precision::Fp32;  // see EngineOptions
  std::string isa = {};                                  // empty: the best of this CPU
};

// Lets our own engine encode for `engine`, which runs files.onnx_model on ONNX Runtime, with
// files.checkpoint's weights, if the two agree in fp32; the log says which it became and why. An
// error only when it is required.
Result<> encode_natively(const ModelSource& source, const ModelFiles& files,
                         const NativeTerms& terms, OpenedEngine& engine);

}  // namespace neso
