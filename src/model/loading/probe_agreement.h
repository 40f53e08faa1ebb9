// SPDX-License-Identifier: Apache-2.0
// Do two engines compute the same model? Asked before our own engine takes over from ONNX Runtime
// with the weights of an ONNX file, since names and shapes alone prove nothing about the graph, and
// before a reduced precision is chosen for it.
#pragma once

#include <cstddef>
#include <vector>

#include "base/result.h"
#include "checkpoint/pooling_spec.h"
#include "engine/engine.h"

namespace neso {

inline constexpr size_t kProbes = 8;
inline constexpr double kProbeAgreement = 0.99999;

struct ProbeTerms {
  size_t vocabulary = 0;
  size_t types = 1;       // type ids of the probes are below it
  size_t max_tokens = 0;  // 0: no limit
  PoolingSpec pooling = {.modes = {PoolingMode::Mean}};
};

// What an engine makes of kProbes short sequences of ids that are always the same.
struct ProbeVectors {
  std::vector<float> values;  // [kProbes, width]
  size_t width = 0;
};
Result<ProbeVectors> probe_vectors(Engine& engine, const ProbeTerms& terms);

// Of two engines' vectors, of one width. An error when it is not finite.
Result<double> least_cosine(const ProbeVectors& a, const ProbeVectors& b);

// The smallest cosine between what two engines of a model make of the token states, over kProbes
// short sequences of ids that are always the same. An error when one of the engines fails.
Result<double> probe_agreement(Engine& graph, Engine& own, const ProbeTerms& terms);

}  // namespace neso
