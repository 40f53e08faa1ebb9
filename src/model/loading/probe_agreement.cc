// SPDX-License-Identifier: Apache-2.0
#include "model/loading/probe_agreement.h"

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
TokenBatch make_probes(const ProbeTerms& terms) {
  TokenBatch batch;
  uint32_t state = 0x9E3779B9U;
  const auto next = [&state](size_t below) {  // xorshift
    state ^= state << 13U;
    state ^= state >> 17U;
    state ^= state << 5U;
    return static_cast<int32_t>(state % below);
  };
  for (size_t probe = 0; probe < kProbes; ++probe) {
    const size_t most = terms.max_tokens == 0 ? kLengths[probe] : terms.max_tokens;
    std::vector<int32_t> ids(std::min(kLengths[probe], most));
    std::vector<int32_t> types(ids.size(), 0);
    for (int32_t& id : ids) id = next(terms.vocabulary);
    // Every other probe is a pair of texts.
    for (size_t i = ids.size() / 2; i < ids.size() && probe % 2 == 1; ++i) {
      types[i] = terms.types > 1 ? 1 : 0;
    }
    batch.append(ids, types);
  }
  return batch;
}

}  // namespace

Result<ProbeVectors> probe_vectors(Engine& engine, const ProbeTerms& terms) {
  const TokenBatch probes = make_probes(terms);
  const size_t hidden = engine.info().hidden;
  std::vector<float> states(probes.tokens() * hidden);
  NESO_TRY_VOID(engine.encode_tokens(probes, states));
  ProbeVectors vectors{.width = terms.pooling.width(hidden)};
  vectors.values.resize(probes.size() * vectors.width);
  size_t start = 0;
  for (size_t row = 0; row < probes.size(); ++row) {
    const size_t size = probes.length(row) * hidden;
    pool_sequence(std::span(states).subspan(start, size), hidden, terms.pooling,
                  std::span(vectors.values).subspan(row * vectors.width, vectors.width));
    start += size;
  }
  return vectors;
}

Result<double> least_cosine(const ProbeVectors& a, const ProbeVectors& b) {
  const Agreement agreement = compare_rows(a.values, b.values, a.width);
  if (!std::isfinite(agreement.least)) {
    return internal_error("probe {} has no finite result", agreement.least_row);
  }
  return agreement.least;
}

Result<double> probe_agreement(Engine& graph, Engine& own, const ProbeTerms& terms) {
  if (graph.info().hidden != own.info().hidden) {
    return invalid_argument("the graph's token states have {} values, config.json's {}",
                            graph.info().hidden, own.info().hidden);
  }
  NESO_TRY(const ProbeVectors theirs, probe_vectors(graph, terms));
  NESO_TRY(const ProbeVectors ours, probe_vectors(own, terms));
  return least_cosine(theirs, ours);
}

}  // namespace neso
