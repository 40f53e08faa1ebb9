// SPDX-License-Identifier: Apache-2.0
// Do two engines compute the same model? Asked before our own engine takes over from ONNX Runtime
// with the weights of an ONNX file: names and shapes alone prove nothing about the graph.
#pragma once

#include <cstddef>

#include "base/result.h"
#include "engine/engine.h"

namespace neso {

inline constexpr size_t kProbes = 8;
inline constexpr double kProbeAgreement = 0.99999;

struct ProbeLimits {
  size_t vocabulary = 0;
  size_t types = 1;       // type ids of the probes are below it
  size_t max_tokens = 0;  // 0: no limit
};

// The smallest cosine between the two engines' mean token states, over kProbes short sequences of
// ids that are always the same. An error when one of the engines fails.
Result<double> probe_agreement(Engine& graph, Engine& own, const ProbeLimits& limits);

}  // namespace neso
