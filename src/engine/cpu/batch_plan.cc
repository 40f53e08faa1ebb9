// SPDX-License-Identifier: Apache-2.0
#include "engine/cpu/batch_plan.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace neso {
namespace {

// Operations that are worth a member: with fewer, some 20 us of one core, waking it and waiting for
// it costs more than it brings.
constexpr double kOperationsPerMember = 2.5e6;
// Chunks may leave members idle for this share of the ideal time before working together, with its
// barriers, is better.
constexpr double kWorstImbalance = 1.1;

// Operations of a sequence; performance of the linear part and of attention is alike.
double cost(const Architecture& a, size_t tokens) {
  const auto h = static_cast<double>(a.hidden);
  const auto n = static_cast<double>(tokens);
  const double linear = 2 * static_cast<double>(a.linear_weights_per_layer());
  return static_cast<double>(a.layers) * n * (linear + 4 * h * n);
}

struct Bin {
  std::vector<size_t> sequences;
  double cost = 0;
};

// Longest first, each into the emptiest of `count` bins; bins by descending cost.
std::vector<Bin> fill_bins(const std::vector<double>& costs, size_t count) {
  std::vector<size_t> order(costs.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, [&](size_t a, size_t b) { return costs[a] > costs[b]; });
  const auto emptier = [](const Bin& a, const Bin& b) { return a.cost > b.cost; };
  std::vector<Bin> heap(count);
  for (const size_t sequence : order) {
    std::ranges::pop_heap(heap, emptier);
    heap.back().sequences.push_back(sequence);
    heap.back().cost += costs[sequence];
    std::ranges::push_heap(heap, emptier);
  }
  std::ranges::sort(heap, emptier);
  return heap;
}

// The time that members need for the bins when each takes the next one as soon as it is free.
double longest_share(const std::vector<Bin>& bins, size_t members) {
  std::vector<double> loads(members, 0.0);
  for (const Bin& bin : bins) *std::ranges::min_element(loads) += bin.cost;
  return *std::ranges::max_element(loads);
}

Chunk make_chunk(const TokenBatch& batch, std::vector<size_t> sequences) {
  Chunk chunk;
  chunk.offsets.push_back(0);
  for (const size_t sequence : sequences) {
    chunk.offsets.push_back(chunk.offsets.back() + batch.length(sequence));
  }
  chunk.sequences = std::move(sequences);
  return chunk;
}

std::vector<Chunk> consecutive_chunks(const TokenBatch& batch, size_t most_tokens) {
  std::vector<Chunk> chunks;
  std::vector<size_t> sequences;
  size_t tokens = 0;
  for (size_t i = 0; i < batch.size(); ++i) {
    if (!sequences.empty() && tokens + batch.length(i) > most_tokens) {
      chunks.push_back(make_chunk(batch, std::exchange(sequences, {})));
      tokens = 0;
    }
    sequences.push_back(i);
    tokens += batch.length(i);
  }
  chunks.push_back(make_chunk(batch, std::move(sequences)));
  return chunks;
}

}  // namespace

size_t Chunk::longest() const {
  size_t longest = 0;
  for (size_t i = 0; i < sequences.size(); ++i) {
    longest = std::max(longest, offsets[i + 1] - offsets[i]);
  }
  return longest;
}

BatchPlan plan_batch(const TokenBatch& batch, const Architecture& architecture, size_t members) {
  BatchPlan plan;
  if (batch.size() == 0) return plan;
  std::vector<double> costs;
  for (size_t i = 0; i < batch.size(); ++i) costs.push_back(cost(architecture, batch.length(i)));
  const double total = std::accumulate(costs.begin(), costs.end(), 0.0);
  const double worthwhile = std::max(1.0, total / kOperationsPerMember);
  plan.members =
      worthwhile < static_cast<double>(members) ? static_cast<size_t>(worthwhile) : members;

  const size_t per_round = plan.members * kRowBlock;
  const size_t rounds = (batch.tokens() + per_round - 1) / per_round;
  std::vector<Bin> bins = fill_bins(costs, std::min(batch.size(), plan.members * rounds));
  const double ideal = total / static_cast<double>(plan.members);
  const bool uneven = longest_share(bins, plan.members) > kWorstImbalance * ideal;
  if (uneven || splits_columns(batch.tokens(), plan.members)) {
    plan.spread = Spread::Together;
    plan.chunks = consecutive_chunks(batch, per_round);
    return plan;
  }
  plan.spread = plan.members > 1 ? Spread::Chunks : Spread::Alone;
  for (Bin& bin : bins) plan.chunks.push_back(make_chunk(batch, std::move(bin.sequences)));
  return plan;
}

}  // namespace neso
