// SPDX-License-Identifier: Apache-2.0
// The workloads of `neso bench`: fixed seeds, so that every engine and every run sees the same ids.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tensor/token_batch.h"

namespace neso {

enum class BenchKind {
  Length,  // lenN: texts of N tokens, 32 a call
  Batch,   // batchN: N texts of 32 tokens a call
  Single,  // singleN: a text of N tokens a call
  Mixed,   // mixed: lengths log-normal (mu 3.95, sigma 0.7, clipped to 4..256), 32 a call
};

inline constexpr size_t kBenchTextsPerCall = 32;   // of Length and Mixed
inline constexpr size_t kBenchTokensPerText = 32;  // of Batch

struct BenchCase {
  std::string name;
  BenchKind kind = BenchKind::Mixed;
  size_t n = 0;                     // of the name, cut to the model's limit; 0: Mixed
  std::vector<TokenBatch> batches;  // one call of encode each; a round runs them all
};

// What a case may use of a model.
struct BenchLimits {
  size_t vocabulary = 0;
  size_t max_tokens = 0;
};

// The cases of a run that names none, for a table and for a plot.
std::string default_bench_cases();
std::string plotted_bench_cases();

// Lengths over the model's limit are cut to it. An unknown name is InvalidArgument.
Result<BenchCase> make_bench_case(std::string_view name, const BenchLimits& limits);

}  // namespace neso
