// SPDX-License-Identifier: Apache-2.0
#include "model/token_rows.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"

namespace neso {
namespace {

Result<std::vector<int64_t>> integers(const Tensor& tensor, const char* name) {
  switch (tensor.dtype()) {
    case DType::Int64: {
      const auto values = tensor.as<int64_t>();
      return std::vector<int64_t>(values.begin(), values.end());
    }
    case DType::Int32: {
      const auto values = tensor.as<int32_t>();
      return std::vector<int64_t>(values.begin(), values.end());
    }
    default:
      return invalid_argument("input '{}' is {}; token ids are INT64 or INT32", name,
                              kserve_name(tensor.dtype()));
  }
}

Result<> check_same_shape(const Tensor& ids, const Tensor& other, const char* name) {
  if (ids.shape() == other.shape()) return {};
  return invalid_argument(
      "input '{}' has shape {}, but 'input_ids' has shape {}; they must be equal", name,
      shape_text(other.shape()), shape_text(ids.shape()));
}

// The mask that a client left out: everything but the trailing padding.
std::vector<int64_t> derived_mask(const TokenRows& rows, size_t row_count, int32_t pad_token_id) {
  std::vector<int64_t> mask(rows.ids.size(), 1);
  for (size_t row = 0; row < row_count; ++row) {
    for (size_t column = rows.columns; column > 0; --column) {
      const size_t at = row * rows.columns + column - 1;
      if (rows.ids[at] != pad_token_id) break;
      mask[at] = 0;
    }
  }
  return mask;
}

// [rows * columns]: each token's place in its row.
std::vector<int64_t> column_numbers(const TokenRows& rows) {
  std::vector<int64_t> columns(rows.ids.size());
  for (size_t i = 0; i < columns.size(); ++i) columns[i] = static_cast<int64_t>(i % rows.columns);
  return columns;
}

Result<> check_mask(const TokenRows& rows, size_t row, bool mask_was_sent) {
  const auto mask = std::span(rows.mask).subspan(row * rows.columns, rows.columns);
  for (size_t column = 0; column < mask.size(); ++column) {
    if (mask[column] == 0 || mask[column] == 1) continue;
    return invalid_argument(
        "row {} of input 'attention_mask' has {} at position {}; a mask is 0 or 1", row,
        mask[column], column);
  }
  if (std::ranges::find(mask, 1) != mask.end()) return {};
  if (mask.empty()) return invalid_argument("row {} of input 'input_ids' has no token", row);
  return mask_was_sent
             ? invalid_argument("row {} of input 'attention_mask' is all 0; a text needs a token",
                                row)
             : invalid_argument("row {} of input 'input_ids' is padding only; a text needs a token",
                                row);
}

// 0 <= id < size, for a size that is known.
bool in_range(int64_t id, size_t size) {
  const int64_t limit =
      size == 0 ? std::numeric_limits<int32_t>::max() : static_cast<int64_t>(size);
  return id >= 0 && id < limit;
}

// Unmasked tokens only: what padding holds does not matter.
Result<SequenceWork> read_row(const TokenRows& rows, size_t row, const TokenLimits& limits) {
  SequenceWork sequence;
  for (size_t column = 0; column < rows.columns; ++column) {
    const size_t at = row * rows.columns + column;
    if (rows.mask[at] == 0) continue;
    if (!in_range(rows.ids[at], limits.vocabulary)) {
      return invalid_argument(
          "row {} of input 'input_ids' has id {} at position {}; the model's ids are 0 to {}", row,
          rows.ids[at], column,
          limits.vocabulary == 0 ? std::numeric_limits<int32_t>::max()
                                 : static_cast<int64_t>(limits.vocabulary) - 1);
    }
    if (!in_range(rows.types[at], limits.type_vocabulary)) {
      return invalid_argument(
          "row {} of input 'token_type_ids' has {} at position {}; the model's type ids are 0 to "
          "{}",
          row, rows.types[at], column,
          limits.type_vocabulary == 0 ? std::numeric_limits<int32_t>::max()
                                      : static_cast<int64_t>(limits.type_vocabulary) - 1);
    }
    if (!in_range(rows.positions[at], limits.max_positions)) {
      return invalid_argument(
          "row {} of input 'input_ids' has a token at position {}, but the model takes {} tokens "
          "(positions 0 to {}); shorten the text or mask what is beyond",
          row, rows.positions[at], limits.max_positions, limits.max_positions - 1);
    }
    sequence.ids.push_back(static_cast<int32_t>(rows.ids[at]));
    sequence.type_ids.push_back(static_cast<int32_t>(rows.types[at]));
    sequence.positions.push_back(static_cast<int32_t>(rows.positions[at]));
  }
  if (has_plain_positions(sequence)) sequence.positions.clear();
  if (std::ranges::all_of(sequence.type_ids, [](int32_t type) { return type == 0; })) {
    sequence.type_ids.clear();
  }
  return sequence;
}

template <typename T>
Tensor table(const std::vector<int64_t>& values, DType dtype, Shape shape) {
  std::vector<T> converted;
  converted.reserve(values.size());
  for (const int64_t value : values) converted.push_back(static_cast<T>(value));
  return Tensor::from<T>(dtype, std::move(shape), converted);
}

}  // namespace

bool has_plain_positions(const SequenceWork& sequence) {
  for (size_t i = 0; i < sequence.positions.size(); ++i) {
    if (sequence.positions[i] != static_cast<int32_t>(i)) return false;
  }
  return true;
}

Result<TokenRows> read_token_rows(const TokenInputs& inputs, const TokenLimits& limits,
                                  int32_t pad_token_id) {
  TokenRows rows;
  const Shape& shape = inputs.ids->shape();
  if (shape.size() != 1 && shape.size() != 2) {
    return invalid_argument("input 'input_ids' has shape {}; it is [texts, tokens]",
                            shape_text(shape));
  }
  rows.single = shape.size() == 1;
  rows.columns = static_cast<size_t>(shape.back());
  NESO_TRY(rows.ids, integers(*inputs.ids, kInputIds));
  const size_t row_count = rows.single ? 1 : static_cast<size_t>(shape.front());
  if (row_count == 0) return invalid_argument("input 'input_ids' has no row");
  if (inputs.mask != nullptr) {
    NESO_TRY_VOID(check_same_shape(*inputs.ids, *inputs.mask, kAttentionMask));
    NESO_TRY(rows.mask, integers(*inputs.mask, kAttentionMask));
  } else {
    rows.mask = derived_mask(rows, row_count, pad_token_id);
  }
  if (inputs.types != nullptr) {
    NESO_TRY_VOID(check_same_shape(*inputs.ids, *inputs.types, kTokenTypeIds));
    NESO_TRY(rows.types, integers(*inputs.types, kTokenTypeIds));
  } else {
    rows.types.assign(rows.ids.size(), 0);
  }
  if (inputs.positions != nullptr) {
    NESO_TRY_VOID(check_same_shape(*inputs.ids, *inputs.positions, kPositionIds));
    NESO_TRY(rows.positions, integers(*inputs.positions, kPositionIds));
  } else {
    rows.positions = column_numbers(rows);
  }
  rows.sequences.reserve(row_count);
  for (size_t row = 0; row < row_count; ++row) {
    NESO_TRY_VOID(check_mask(rows, row, inputs.mask != nullptr));
    NESO_TRY(auto sequence, read_row(rows, row, limits));
    rows.sequences.push_back(std::move(sequence));
  }
  return rows;
}

TokenRows rows_of_sequences(std::vector<SequenceWork> sequences, int32_t pad_token_id) {
  TokenRows rows;
  for (const SequenceWork& sequence : sequences) {
    rows.columns = std::max(rows.columns, sequence.ids.size());
  }
  const size_t size = sequences.size() * rows.columns;
  rows.ids.assign(size, pad_token_id);
  rows.mask.assign(size, 0);
  rows.types.assign(size, 0);
  for (size_t row = 0; row < sequences.size(); ++row) {
    const SequenceWork& sequence = sequences[row];
    const auto start = static_cast<std::ptrdiff_t>(row * rows.columns);
    std::ranges::copy(sequence.ids, rows.ids.begin() + start);
    std::ranges::copy(sequence.type_ids, rows.types.begin() + start);
    std::fill_n(rows.mask.begin() + start, sequence.ids.size(), 1);
  }
  rows.positions = column_numbers(rows);
  rows.sequences = std::move(sequences);
  return rows;
}

std::optional<Tensor> dense_tensor(const TokenRows& rows, const std::string& name, DType dtype) {
  const std::vector<int64_t>* values = nullptr;
  if (name == kInputIds) {
    values = &rows.ids;
  } else if (name == kAttentionMask) {
    values = &rows.mask;
  } else if (name == kTokenTypeIds) {
    values = &rows.types;
  } else if (name == kPositionIds) {
    values = &rows.positions;
  }
  if (values == nullptr || (dtype != DType::Int64 && dtype != DType::Int32)) return std::nullopt;
  Shape shape = {static_cast<int64_t>(rows.sequences.size()), static_cast<int64_t>(rows.columns)};
  return dtype == DType::Int64 ? table<int64_t>(*values, dtype, std::move(shape))
                               : table<int32_t>(*values, dtype, std::move(shape));
}

}  // namespace neso
