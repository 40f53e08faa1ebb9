// SPDX-License-Identifier: Apache-2.0
#include "tensor/token_batch.h"

#include <algorithm>
#include <numeric>

#include "base/check.h"

namespace neso {
namespace {

// Appends 0, 1, ... from the start of each sequence in [first, last) of `batch`.
void append_default_positions(std::vector<int32_t>& positions, const TokenBatch& batch,
                              size_t first, size_t last) {
  for (size_t i = first; i < last; ++i) {
    const size_t start = positions.size();
    positions.resize(start + batch.length(i));
    std::iota(positions.begin() + static_cast<std::ptrdiff_t>(start), positions.end(), 0);
  }
}

void append_all(std::vector<int32_t>& out, std::span<const int32_t> values) {
  out.insert(out.end(), values.begin(), values.end());
}

}  // namespace

size_t TokenBatch::longest() const {
  size_t longest = 0;
  for (size_t i = 0; i < size(); ++i) longest = std::max(longest, length(i));
  return longest;
}

void TokenBatch::append(std::span<const int32_t> sequence_ids,
                        std::span<const int32_t> sequence_type_ids,
                        std::span<const int32_t> sequence_positions) {
  TokenBatch one;
  one.ids.assign(sequence_ids.begin(), sequence_ids.end());
  one.type_ids.assign(sequence_type_ids.begin(), sequence_type_ids.end());
  one.positions.assign(sequence_positions.begin(), sequence_positions.end());
  one.cu_seqlens.push_back(static_cast<int32_t>(sequence_ids.size()));
  append(one);
}

void TokenBatch::append(const TokenBatch& other) {
  NESO_CHECK(other.type_ids.empty() || other.type_ids.size() == other.tokens());
  NESO_CHECK(other.positions.empty() || other.positions.size() == other.tokens());
  const size_t old_size = size();
  const size_t old_tokens = tokens();

  if (!type_ids.empty() || !other.type_ids.empty()) {
    type_ids.resize(old_tokens);
    append_all(type_ids, other.type_ids);
    type_ids.resize(old_tokens + other.tokens());
  }
  if (!positions.empty() || !other.positions.empty()) {
    if (positions.empty()) append_default_positions(positions, *this, 0, old_size);
    append_all(positions, other.positions);
    if (other.positions.empty()) append_default_positions(positions, other, 0, other.size());
  }
  append_all(ids, other.ids);
  for (size_t i = 0; i < other.size(); ++i) {
    cu_seqlens.push_back(cu_seqlens.back() + static_cast<int32_t>(other.length(i)));
  }
}

}  // namespace neso
