// SPDX-License-Identifier: Apache-2.0
// Private to this folder: does a graph look like a text encoder, and how is a group of rows laid
// out for it? Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"
#include "tensor/tensor.h"
#include "tensor/token_batch.h"

namespace neso {

enum class EncoderInput { Ids, Mask, Types, Positions };

struct EncoderGraph {
  struct Input {
    std::string name;
    EncoderInput role;
    DType dtype;  // Int32 or Int64
  };
  std::vector<Input> inputs;
  std::string output;
  bool pooled = false;         // the output is [batch, width], else [batch, tokens, hidden]
  bool has_mask = false;       // without one, padding would be read as text
  bool has_positions = false;  // without them, a token's column is its position
  size_t fixed_rows = 0;       // 0: any number
  size_t fixed_tokens = 0;     // 0: any length
};

// nullopt when it does not: another input, no usable output, sizes that contradict each other, or a
// fixed number of tokens without a mask to fill up with.
std::optional<EncoderGraph> recognise_text_encoder(std::span<const TensorSpec> inputs,
                                                   std::span<const TensorSpec> outputs);

// Can this row of the batch be laid out for the graph? Refuses an empty row, one that does not fit
// into a fixed number of tokens, and positions that the graph cannot be told.
Result<> check_row(const EncoderGraph& graph, const TokenBatch& batch, size_t row);

// Where the row's token stands in a run: side by side with the others when the graph is told
// positions, else in the column of its position. The row passes check_row.
size_t column_of(const EncoderGraph& graph, const TokenBatch& batch, size_t row, size_t token);

// Columns up to and with the row's last token.
size_t columns_of(const EncoderGraph& graph, const TokenBatch& batch, size_t row);

// The graph's inputs for these rows of the batch, each [rows, columns]. Columns without a token,
// between tokens or after them, hold pad_id, mask 0, type 0 and position 0. Rows that a fixed
// number adds hold one unmasked padding token, so that no softmax is empty. Every row passes
// check_row.
std::vector<NamedTensor> padded_inputs(const EncoderGraph& graph, const TokenBatch& batch,
                                       std::span<const size_t> rows, int32_t pad_id);

// A floating-point tensor's values as fp32; fp32 itself is not copied. nullopt for other types.
std::optional<Tensor> to_fp32(const Tensor& tensor);

}  // namespace neso
