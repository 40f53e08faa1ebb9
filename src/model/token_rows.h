// SPDX-License-Identifier: Apache-2.0
// The id tensors of an encoder request (input_ids, attention_mask, token_type_ids) as sequences
// without padding. Pure; every refusal names the input, the row and the position.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.h"
#include "scheduling/job.h"
#include "tensor/tensor.h"

namespace neso {

inline constexpr const char* kInputIds = "input_ids";
inline constexpr const char* kAttentionMask = "attention_mask";
inline constexpr const char* kTokenTypeIds = "token_type_ids";
inline constexpr const char* kPositionIds = "position_ids";

// 0: unknown, so not checked.
struct TokenLimits {
  size_t vocabulary = 0;
  size_t type_vocabulary = 0;
  size_t max_positions = 0;
};

// What a client sent, [rows, columns] each or [columns] for one row; null: not sent. INT64 or
// INT32.
struct TokenInputs {
  const Tensor* ids = nullptr;
  const Tensor* mask = nullptr;
  const Tensor* types = nullptr;
  const Tensor* positions = nullptr;
};

// Unpadded sequences and the dense table that they came from, all [rows * columns].
struct TokenRows {
  std::vector<SequenceWork> sequences;
  bool single = false;  // one row, sent without a batch dimension
  size_t columns = 0;
  std::vector<int64_t> ids;
  std::vector<int64_t> mask;
  std::vector<int64_t> types;
  std::vector<int64_t> positions;
};

// A masked token is left out; the others keep their places, in positions when they are not simply
// 0, 1, ... A missing mask leaves out the trailing pad ids; missing types are 0,
// missing positions a token's column.
Result<TokenRows> read_token_rows(const TokenInputs& inputs, const TokenLimits& limits,
                                  int32_t pad_token_id);

// The same from sequences of 1 or more tokens: padded on the right to the longest.
TokenRows rows_of_sequences(std::vector<SequenceWork> sequences, int32_t pad_token_id);

// One of the dense tables as a tensor [rows, columns] of INT64 or INT32; `name` is one of the four
// above, nullopt for any other.
std::optional<Tensor> dense_tensor(const TokenRows& rows, const std::string& name, DType dtype);

// True when the sequence's tokens stand at 0, 1, ...
bool has_plain_positions(const SequenceWork& sequence);

}  // namespace neso
