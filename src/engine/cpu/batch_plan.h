// SPDX-License-Identifier: Apache-2.0
// How a batch is spread over the members of a team. Pure: no result depends on it, only the time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "checkpoint/architecture.h"
#include "tensor/token_batch.h"

namespace neso {

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
  std::vector<Chunk> chunks;  // most expensive first
};

BatchPlan plan_batch(const TokenBatch& batch, const Architecture& architecture, size_t members);

}  // namespace neso
