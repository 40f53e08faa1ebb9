// SPDX-License-Identifier: Apache-2.0
// How a batch is spread over the members of a team. Pure: no result depends on it, only the time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "checkpoint/architecture.h"
#include "tensor/token_batch.h"

namespace neso {

// Rows that pass through a layer's products at once: enough to use a panel of weights well, few
// enough to stay in the second-level cache.
inline constexpr size_t kRowBlock = 128;

// Members that work together on few rows split the columns of each product, since reading the
// weights takes the time; on more, they split the rows.
inline constexpr size_t kRowsPerColumnSplit = 24;  // per member
constexpr bool splits_columns(size_t rows, size_t members) {
  return members > 1 && rows <= kRowsPerColumnSplit * members;
}

// Whole sequences that are carried through all layers together.
struct Chunk {
  std::vector<size_t> sequences;  // indices into the batch
  std::vector<size_t> offsets;    // first row of each, and the number of rows at the end

  size_t rows() const { return offsets.back(); }
  size_t longest() const;
};

enum class Spread {
  Alone,     // too little work to wake anyone: the caller does every chunk
  Chunks,    // members take whole chunks, no waiting for each other
  Together,  // all members work on the same chunk, one chunk after the other
};

struct BatchPlan {
  Spread spread = Spread::Alone;
  size_t members = 1;         // how many have work
  std::vector<Chunk> chunks;  // most expensive first
};

BatchPlan plan_batch(const TokenBatch& batch, const Architecture& architecture, size_t members);

}  // namespace neso
