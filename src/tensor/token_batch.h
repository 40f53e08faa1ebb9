// SPDX-License-Identifier: Apache-2.0
// Texts as token ids, packed end to end: no padding anywhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace neso {

// n sequences of T tokens in all. Sequence i is ids[cu_seqlens[i] .. cu_seqlens[i+1]).
struct TokenBatch {
  std::vector<int32_t> ids;               // [T]
  std::vector<int32_t> type_ids;          // [T], or empty: all 0
  std::vector<int32_t> positions;         // [T], or empty: 0, 1, ... from each sequence's start
  std::vector<int32_t> cu_seqlens = {0};  // [n + 1], ascending

  size_t size() const { return cu_seqlens.size() - 1; }
  size_t tokens() const { return ids.size(); }
  size_t length(size_t i) const { return static_cast<size_t>(cu_seqlens[i + 1] - cu_seqlens[i]); }
  std::span<const int32_t> sequence(size_t i) const {
    return std::span(ids).subspan(static_cast<size_t>(cu_seqlens[i]), length(i));
  }
  size_t longest() const;

  // Appends one sequence. type_ids and positions are either empty or as long as ids; a batch in
  // which some sequences have them and others do not is filled up with the defaults.
  void append(std::span<const int32_t> sequence_ids,
              std::span<const int32_t> sequence_type_ids = {},
              std::span<const int32_t> sequence_positions = {});
  void append(const TokenBatch& other);
};

}  // namespace neso
