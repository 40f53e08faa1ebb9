// SPDX-License-Identifier: Apache-2.0
// What a model version has done, as Triton's statistics tell it: plain data.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace neso {

struct DurationStatistic {
  uint64_t count = 0;
  uint64_t ns = 0;
};

struct BatchStatistic {
  uint64_t batch_size = 0;
  DurationStatistic compute_input, compute_infer, compute_output;
};

struct ModelStatistics {
  std::string name;
  int64_t version = 0;
  uint64_t last_inference_ms = 0;  // since the Unix epoch; 0: never
  uint64_t inference_count = 0;
  uint64_t execution_count = 0;
  DurationStatistic success, fail, queue, compute_input, compute_infer, compute_output, cache_hit,
      cache_miss;
  std::vector<BatchStatistic> batches;  // ascending
};

}  // namespace neso
