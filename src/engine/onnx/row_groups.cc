// SPDX-License-Identifier: Apache-2.0
#include "engine/onnx/row_groups.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace neso {

std::vector<std::vector<size_t>> group_rows(std::span<const size_t> lengths,
                                            const GroupLimits& limits) {
  const size_t n = lengths.size();
  std::vector<size_t> order(n);
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, [&](size_t a, size_t b) { return lengths[a] > lengths[b]; });

  // cost[i]: the least cost of rows order[i..n); next[i]: where the first of its groups ends.
  std::vector<size_t> cost(n + 1, std::numeric_limits<size_t>::max());
  std::vector<size_t> next(n + 1, n);
  cost[n] = 0;
  for (size_t i = n; i-- > 0;) {
    const size_t longest = lengths[order[i]];
    for (size_t end = i + 1; end <= n; ++end) {
      const size_t rows = limits.rows != 0 ? limits.rows : end - i;
      if (end > i + 1) {
        if (end - i > rows || rows * longest > limits.max_tokens) break;
        if (limits.equal_lengths && lengths[order[end - 1]] != longest) break;
      }
      const size_t total = limits.run_cost_tokens + rows * longest + cost[end];
      if (total < cost[i]) {
        cost[i] = total;
        next[i] = end;
      }
    }
  }

  std::vector<std::vector<size_t>> groups;
  for (size_t i = 0; i < n; i = next[i])
    groups.emplace_back(order.begin() + i, order.begin() + next[i]);
  return groups;
}

}  // namespace neso
