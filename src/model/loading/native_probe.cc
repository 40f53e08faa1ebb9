// SPDX-License-Identifier: Apache-2.0
#include "model/loading/native_probe.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "base/error.h"
#include "engine/agreement.h"
#include "engine/pooling.h"

namespace neso {
namespace {

// Lengths on both sides of usual vector widths; one of each parity at least.
constexpr std::array<size_t, kProbes> kLengths = {1, 2, 3, 5, 8, 13, 17, 32};

// Ids all over the vocabulary, none with a pattern that a wrong order of weights would hide behind.
TokenBatch make_probes(const ProbeLimits& limits) {
  TokenBatch batch;
  uint32_t state = 0x9E3779B9U;
  const auto next = [&state](size_t below) {  // xorshift
    state ^= state << 13U;
    state ^= state >> 17U;
    state ^= state << 5U;
    return static_cast<int32_t>(state % below);
  };
  for (size_t probe = 0; probe < kProbes; ++probe) {
    const size_t most = limits.max_tokens == 0 ? kLengths[probe] : limits.max_tokens;
    std::vector<int32_t> ids(std::min(kLengths[probe], most));
    std::vector<int32_t> types(ids.size(), 0);
    for (int32_t& id : ids) id = next(limits.vocabulary);
    // Every other probe is a pair of texts.
    for (size_t i = ids.size() / 2; i < ids.size() && probe % 2 == 1; ++i) {
      types[i] = limits.types > 1 ? 1 : 0;
    }
    batch.append(ids, types);
  }
  return batch;
}

// [probes, hidden]
Result<std::vector<float>> mean_states(Engine& engine, const TokenBatch& batch) {
  const size_t hidden = engine.info().hidden;
  std::vector<float> states(batch.tokens() * hidden);
  NESO_TRY_VOID(engine.encode_tokens(batch, states));
  std::vector<float> means(batch.size() * hidden);
  size_t start = 0;
  for (size_t row = 0; row < batch.size(); ++row) {
    const size_t size = batch.length(row) * hidden;
    pool_sequence(std::span(states).subspan(start, size), hidden, {.modes = {PoolingMode::Mean}},
                  std::span(means).subspan(row * hidden, hidden));
    start += size;
  }
  return means;
}

}  // namespace

Result<double> probe_agreement(Engine& graph, Engine& own, const ProbeLimits& limits) {
  const size_t hidden = own.info().hidden;
  if (graph.info().hidden != hidden) {
    return invalid_argument("the graph's token states have {} values, config.json's {}",
                            graph.info().hidden, hidden);
  }
  const TokenBatch probes = make_probes(limits);
  NESO_TRY(const std::vector<float> theirs, mean_states(graph, probes));
  NESO_TRY(const std::vector<float> ours, mean_states(own, probes));
  double smallest = 1.0;
  for (size_t row = 0; row < probes.size(); ++row) {
    const auto part = [&](const std::vector<float>& means) {
      return std::span(means).subspan(row * hidden, hidden);
    };
    const double agreement = cosine(part(theirs), part(ours));
    if (!std::isfinite(agreement)) return internal_error("probe {} has no finite result", row);
    smallest = std::min(smallest, agreement);
  }
  return smallest;
}

}  // namespace neso
