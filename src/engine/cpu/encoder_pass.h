// SPDX-License-Identifier: Apache-2.0
// One chunk through embeddings and all layers, by one thread or by several together. Every value is
// computed by the same kernel from the same inputs whoever computes it, so the bits depend on
// neither.
#pragma once

#include <cstddef>
#include <utility>

#include "engine/cpu/attention.h"
#include "engine/cpu/batch_plan.h"
#include "engine/cpu/cpu_weights.h"
#include "engine/cpu/profile.h"
#include "engine/cpu/rotary.h"
#include "engine/cpu/worker_team.h"
#include "engine/cpu/workspace.h"
#include "tensor/token_batch.h"

namespace neso {

// The tokens of a sequence whose states somebody will look at.
enum class Wanted { All, First, Last };

// A batch, and what its passes need that takes memory: made before any member starts, because
// members cannot fail.
struct PassInput {
  PassInput(const Architecture& architecture, const TokenBatch& tokens,
            Wanted wanted_states = Wanted::All)
      : batch(tokens), scaled_angles(architecture, tokens), wanted(wanted_states) {}
  const TokenBatch& batch;
  const ScaledAngles scaled_angles;
  const Wanted wanted;
};

// Who runs this pass. Several members share one chunk and meet at the barrier.
struct PassMember {
  size_t index = 0;
  size_t count = 1;
  Barrier* barrier = nullptr;  // null when count is 1
  Profile* profile = nullptr;
};

class EncoderPass {
 public:
  // Allocates nothing. `shared` is the same for all members and has room for the chunk. `own` is
  // not; it holds states of all rows when columns are split, one block of inner activations when
  // rows are, and the scratch of attention. A lone member passes one workspace for both.
  EncoderPass(const CpuWeights& weights, const PassInput& input, const Chunk& chunk,
              Workspace& shared, Workspace& own, PassMember member);

  // Returns when the wanted states are computed, by all members. A lone member computes no others
  // in the last layer behind its keys and values.
  void run();

  // [rows, padded(hidden)], where sequence i of the chunk has these rows: all its tokens, or, when
  // others were left out, the wanted one.
  float* states() const { return states_; }
  std::pair<size_t, size_t> rows_of(size_t i) const {
    if (leaves_out_) return {i, i + 1};
    return {chunk_.offsets[i], chunk_.offsets[i + 1]};
  }

 private:
  // This member's part of something: begin .. end.
  struct Range {
    size_t begin = 0;
    size_t end = 0;
  };
  Range share(size_t size) const;
  void meet();
  void embed();
  void attend();
  void attend_to_wanted();
  size_t wanted_row(size_t i) const;
  void normalize(const float* in, const NormWeights& weights, Range rows);
  Activations states_at(size_t row) const { return {states_ + row * row_, nullptr, row_}; }
  Product product_of(const PackedLinear& linear, const Activations& in, size_t rows);
  void multiply(Product product) const;
  Range columns_of_member(size_t columns) const;
  void find_angles();
  void queries_keys_values(const LayerWeights& layer);
  void rotate(Range rows, Range heads);
  void after_attention(const LayerWeights& layer, Range rows);

  const CpuWeights& weights_;
  const TokenBatch& batch_;
  const Chunk& chunk_;
  PassMember member_;
  bool split_columns_;
  bool leaves_out_;  // states that are not wanted
  Wanted wanted_;
  size_t row_;  // leading dimension of [rows, hidden]
  Range rows_;  // that this member computes: all of them when columns are split
  float* states_;
  float* sums_;
  Activations qkv_;
  Activations context_;
  Activations inner_;
  OperandMemory operand_;
  Stopwatch stopwatch_;
  Attention attention_;
  const ScaledAngles& scaled_angles_;
  const float** angles_;  // of rotary positions, per row of the chunk; else null
};

}  // namespace neso
