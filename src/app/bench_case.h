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

struct BenchCase {
  std::string name;
  std::vector<TokenBatch> batches;  // one call of encode each; a round runs them all
  bool latency = false;             // every call is timed by itself
};

// What a case may use of a model.
struct BenchLimits {
  size_t vocabulary = 0;
  size_t max_tokens = 0;
};

// The cases of a run that names none: len8, len32, len128, len512, mixed, single8.
std::vector<std::string> bench_case_names();

// lenN: texts of N tokens, 32 a call. singleN: one at a time. `mixed` draws lengths from a
// log-normal (mu 3.95, sigma 0.7, clipped to 4..256) in random order. Lengths over the model's
// limit are cut to it. An unknown name is InvalidArgument.
Result<BenchCase> make_bench_case(std::string_view name, const BenchLimits& limits);

}  // namespace neso
