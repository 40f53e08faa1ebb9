// SPDX-License-Identifier: Apache-2.0
// Runs one workload on several engines in turn (A B A B ...), so that a machine whose speed drifts
// treats all alike, and sums the rounds up.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/bench_case.h"
#include "base/clock.h"
#include "checkpoint/pooling_spec.h"
#include "engine/cpu/profile.h"
#include "engine/engine.h"
#include "simd/isa.h"

namespace neso {

struct BenchEngine {
  std::string label;       // "cpu", "onnx"
  std::string precision;   // "fp32", ...
  std::optional<Isa> isa;  // of our engine; others choose by themselves
  size_t threads = 1;
  std::unique_ptr<Profile> profile = {};  // of our engine, when it is asked for; null otherwise
  std::unique_ptr<Engine> engine = {};
};

struct BenchOptions {
  double seconds = 2;  // per case and engine, at least
  size_t min_rounds = 5;
  PoolingSpec pooling = {};
};

struct BenchFigures {
  size_t rounds = 0;
  double tokens_per_s = 0;  // median round
  double texts_per_s = 0;
  double ms_p50 = 0;  // of one encode call
  double ms_p99 = 0;
  double median_round_s = 0;
  double ratio = 1;  // median over rounds of (this engine's speed / the last engine's)
};

// One untimed warm-up round each, then rounds until the engines have run for the time and the
// rounds asked for. Figures are in the engines' order.
Result<std::vector<BenchFigures>> run_bench_case(const BenchCase& workload,
                                                 std::vector<BenchEngine>& engines,
                                                 const BenchOptions& options, const Clock& clock);

// How far the engines agree: of each the smallest cosine between its vectors of the workload's
// first batch and the first engine's. 0 where they differ in width.
Result<std::vector<double>> agreement(const BenchCase& workload, const PoolingSpec& pooling,
                                      std::vector<BenchEngine>& engines);

}  // namespace neso
