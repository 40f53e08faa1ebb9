// SPDX-License-Identifier: Apache-2.0
// Attention of one head over one sequence, in blocks of query rows: scores of a block against the
// keys, softmax, weighted values. Against all keys at once in sequences of up to kWholeKeys tokens,
// so that nothing is ever rescaled; in longer ones against kKeyBlock keys at a time (online
// softmax), whose scores stay in the second-level cache. A row's bits depend on its sequence alone.
// Products in fp32 or bf16, everything else in fp32.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/cpu/activations.h"
#include "engine/cpu/profile.h"
#include "simd/kernels.h"

namespace neso {

// Query rows that are worked on at once.
inline constexpr size_t kQueryRows = 48;
inline constexpr size_t kWholeKeys = 1024;
inline constexpr size_t kKeyBlock = 256;

struct AttentionShape {
  size_t hidden = 0;
  size_t head_size = 0;         // even for bf16
  Format format = Format::F32;  // of the activations and products
};

class Attention {
 public:
  // Floats of scratch memory for sequences of up to `longest` tokens.
  static size_t scratch_floats(const AttentionShape& shape, size_t longest);

  // scratch: as scratch_floats says, whatever it holds; it must outlive this, as the stopwatch.
  Attention(const KernelTable& kernels, const AttentionShape& shape, size_t longest,
            std::span<float> scratch, Stopwatch& stopwatch);

  // Packs keys and values of one head. qkv is [tokens, 3 hidden] of the sequence, and must stay
  // until the last attend().
  void select(const Activations& qkv, size_t tokens, size_t head);

  // Rows first .. first + rows (at most kQueryRows) of the selected sequence and head. `context` is
  // [tokens, hidden] of the sequence; only the head's columns are written.
  void attend(size_t first, size_t rows, const Activations& context);

 private:
  // Where the weighted values of some rows go, as wide as a head: into the context itself, or, when
  // whole vectors would reach into the next head's columns, beside it.
  struct Target {
    float* f32 = nullptr;
    Bf16* bf16 = nullptr;
    size_t ld = 0;
  };
  Target target(const Activations& context) const;
  void score(size_t first, size_t rows, size_t first_key, size_t keys);
  Softmax softmax(size_t rows, size_t keys) const;
  Product weighting(size_t rows, size_t first_key, size_t keys) const;
  void attend_to_all(size_t first, size_t rows, const Target& out);
  void attend_by_blocks(size_t first, size_t rows, const Target& out);

  const KernelTable& kernels_;
  AttentionShape shape_;
  Stopwatch& stopwatch_;
  float* keys_;
  float* values_;
  float* scores_;
  float* weighted_;
  float* sums_;    // inverse ones in the end
  float* maxima_;  // these two by blocks only
  float* corrections_;
  Activations qkv_;
  size_t tokens_ = 0;
  size_t key_block_ = 0;  // keys at a time
  size_t head_ = 0;
};

}  // namespace neso
