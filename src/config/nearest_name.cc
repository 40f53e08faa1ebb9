// SPDX-License-Identifier: Apache-2.0
#include "config/nearest_name.h"

#include <algorithm>
#include <vector>

namespace neso {
namespace {

// Optimal string alignment distance over three rows.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before_last(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    before_last.swap(last);
    last.swap(row);
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({replaced, last[j] + 1, row[j - 1] + 1});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
  }
  return row[b.size()];
}

}  // namespace

std::optional<std::string> nearest_name(std::string_view written,
                                        std::span<const std::string> candidates) {
  constexpr size_t kLongestName =
      100;  // longer text is no typing error, and the distance is quadratic
  if (written.size() > kLongestName) return std::nullopt;
  const std::string* best = nullptr;
  size_t best_distance =
      written.size() / 3 + 1;  // one edit for short words, one more per three letters
  for (const std::string& candidate : candidates) {
    const size_t distance = edit_distance(written, candidate);
    if (distance < best_distance || (best == nullptr && distance == best_distance)) {
      best = &candidate;
      best_distance = distance;
    }
  }
  if (best == nullptr) return std::nullopt;
  return *best;
}

}  // namespace neso
