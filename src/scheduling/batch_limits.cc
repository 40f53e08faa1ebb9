// SPDX-License-Identifier: Apache-2.0
#include "scheduling/batch_limits.h"

#include <algorithm>
#include <cstdint>

#include "base/cores.h"

namespace neso {
namespace {

// A batch beyond this many tokens a core only adds latency (reference: batching and scheduling).
constexpr size_t kTokensPerCore = 256;
constexpr size_t kInteractiveTokens = 512;  // one text, as long as most encoders take it
constexpr size_t kInteractiveTensorBytes = size_t{1} << 20;
constexpr uint64_t kLongestDelayUs = 3'600'000'000;

}  // namespace

BatchLimits batch_limits(const ModelConfig& config, const EngineFacts& facts) {
  BatchLimits limits;
  limits.interactive_cost =
      facts.encoder ? kInteractiveTokens : kInteractiveTensorBytes / sizeof(int64_t);
  if (facts.encoder) {
    limits.max_cost = kTokensPerCore * std::max<size_t>(1, usable_cores() / facts.engines);
    limits.bulk_cost = limits.max_cost;
    limits.top_up_cost = limits.max_cost / 4;
  }
  if (!facts.graph) return limits;
  limits.max_rows = static_cast<size_t>(std::max<int64_t>(1, config.max_batch_size));
  if (!facts.encoder) limits.interactive_rows = std::max<size_t>(1, limits.max_rows / 8);
  const auto& batching = config.dynamic_batching;
  if (!batching) return limits;
  for (const int64_t size : batching->preferred_batch_sizes)
    limits.preferred_rows.push_back(static_cast<size_t>(std::max<int64_t>(1, size)));
  std::ranges::sort(limits.preferred_rows);
  limits.max_delay_ns =
      static_cast<int64_t>(std::min(batching->max_queue_delay_us, kLongestDelayUs)) * 1000;
  return limits;
}

}  // namespace neso
