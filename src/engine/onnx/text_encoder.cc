// SPDX-License-Identifier: Apache-2.0
#include "engine/onnx/text_encoder.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <utility>

#include "base/error.h"
#include "tensor/half.h"

namespace neso {
namespace {

constexpr std::array<std::pair<std::string_view, EncoderInput>, 4> kInputs = {{
    {"input_ids", EncoderInput::Ids},
    {"attention_mask", EncoderInput::Mask},
    {"token_type_ids", EncoderInput::Types},
    {"position_ids", EncoderInput::Positions},
}};
// In order of preference; any other [batch, tokens, hidden] comes after them.
constexpr std::array<std::string_view, 3> kStateNames = {"last_hidden_state", "token_embeddings",
                                                         "hidden_states"};
constexpr std::array<std::string_view, 2> kPooledNames = {"sentence_embedding", "embeddings"};

bool is_float(DType dtype) {
  return dtype == DType::Fp32 || dtype == DType::Fp16 || dtype == DType::Bf16 ||
         dtype == DType::Fp64;
}

// Joins one more declared size (-1: any) into `fixed` (0: any); false when they contradict.
bool join_size(size_t& fixed, int64_t declared) {
  if (declared == -1) return true;
  if (declared < 1 || (fixed != 0 && fixed != static_cast<size_t>(declared))) return false;
  fixed = static_cast<size_t>(declared);
  return true;
}

bool add_input(EncoderGraph& graph, const TensorSpec& spec) {
  const auto known =
      std::ranges::find(kInputs, spec.name, &std::pair<std::string_view, EncoderInput>::first);
  if (known == kInputs.end() || spec.shape.size() != 2) return false;
  if (spec.dtype != DType::Int64 && spec.dtype != DType::Int32) return false;
  graph.has_mask |= known->second == EncoderInput::Mask;
  graph.has_positions |= known->second == EncoderInput::Positions;
  graph.inputs.push_back({spec.name, known->second, spec.dtype});
  return join_size(graph.fixed_rows, spec.shape[0]) && join_size(graph.fixed_tokens, spec.shape[1]);
}

const TensorSpec* find_output(std::span<const TensorSpec> outputs,
                              std::span<const std::string_view> names, size_t rank) {
  for (const std::string_view name : names) {
    for (const TensorSpec& spec : outputs) {
      if (spec.name == name && spec.shape.size() == rank && is_float(spec.dtype)) return &spec;
    }
  }
  return nullptr;
}

const TensorSpec* choose_output(std::span<const TensorSpec> outputs) {
  if (const TensorSpec* states = find_output(outputs, kStateNames, 3)) return states;
  for (const TensorSpec& spec : outputs) {
    if (spec.shape.size() == 3 && is_float(spec.dtype)) return &spec;
  }
  return find_output(outputs, kPooledNames, 2);
}

// What these rows of a batch become: the graph's tensors, all of one shape.
struct Layout {
  const EncoderGraph& graph;
  const TokenBatch& batch;
  std::span<const size_t> rows;
  Shape shape;  // [rows, columns]
  int32_t pad_id;
};

// One input as T.
template <typename T>
Tensor fill(const Layout& layout, const EncoderGraph::Input& input) {
  const TokenBatch& batch = layout.batch;
  const auto row_count = static_cast<size_t>(layout.shape[0]);
  const auto columns = static_cast<size_t>(layout.shape[1]);
  const T padding = input.role == EncoderInput::Ids ? static_cast<T>(layout.pad_id) : T{0};
  std::vector<T> values(row_count * columns, padding);
  for (size_t r = 0; r < layout.rows.size(); ++r) {
    const size_t row = layout.rows[r];
    const auto begin = static_cast<size_t>(batch.cu_seqlens[row]);
    for (size_t t = 0; t < batch.length(row); ++t) {
      T& out = values[r * columns + column_of(layout.graph, batch, row, t)];
      switch (input.role) {
        case EncoderInput::Ids:
          out = batch.ids[begin + t];
          break;
        case EncoderInput::Mask:
          out = 1;
          break;
        case EncoderInput::Types:
          out = batch.type_ids.empty() ? 0 : batch.type_ids[begin + t];
          break;
        case EncoderInput::Positions:
          out = batch.positions.empty() ? static_cast<T>(t) : batch.positions[begin + t];
          break;
      }
    }
  }
  if (input.role == EncoderInput::Mask) {
    for (size_t r = layout.rows.size(); r < row_count; ++r) values[r * columns] = 1;
  }
  return Tensor::from(input.dtype, layout.shape, std::span<const T>(values));
}

template <typename T, typename Convert>
Tensor convert(const Tensor& tensor, Convert to_float) {
  std::vector<float> values;
  values.reserve(tensor.as<T>().size());
  for (const T value : tensor.as<T>()) values.push_back(to_float(value));
  return Tensor::from(DType::Fp32, tensor.shape(), std::span<const float>(values));
}

}  // namespace

std::optional<EncoderGraph> recognise_text_encoder(std::span<const TensorSpec> inputs,
                                                   std::span<const TensorSpec> outputs) {
  EncoderGraph graph;
  for (const TensorSpec& spec : inputs) {
    if (!add_input(graph, spec)) return std::nullopt;
  }
  const bool has_ids =
      std::ranges::any_of(graph.inputs, [](const auto& i) { return i.role == EncoderInput::Ids; });
  const TensorSpec* output = choose_output(outputs);
  if (!has_ids || output == nullptr) return std::nullopt;
  graph.output = output->name;
  graph.pooled = output->shape.size() == 2;
  if (!join_size(graph.fixed_rows, output->shape[0])) return std::nullopt;
  if (!graph.pooled && !join_size(graph.fixed_tokens, output->shape[1])) return std::nullopt;
  if (graph.fixed_tokens != 0 && !graph.has_mask) return std::nullopt;
  return graph;
}

Result<> check_row(const EncoderGraph& graph, const TokenBatch& batch, size_t row) {
  const size_t length = batch.length(row);
  const size_t fixed = graph.fixed_tokens;
  if (length == 0) return invalid_argument("text {} has no token", row);
  if (fixed != 0 && length > fixed) {
    return invalid_argument("text {} has {} tokens, but the graph was exported for {}", row, length,
                            fixed);
  }
  if (graph.has_positions || batch.positions.empty()) return {};
  const auto begin = static_cast<size_t>(batch.cu_seqlens[row]);
  const auto positions = std::span(batch.positions).subspan(begin, length);
  const bool ascend =
      std::ranges::adjacent_find(positions, std::greater_equal()) == positions.end();
  if (positions.front() < 0 || !ascend) {
    return invalid_argument(
        "text {} has positions that do not ascend from 0 on; the graph has no input position_ids, "
        "so a position is a token's place in its row",
        row);
  }
  const auto last = static_cast<size_t>(positions.back());
  if (!graph.has_mask && last >= length) {
    return unsupported(
        "text {} masks a token before its last one, but the graph has neither an input "
        "attention_mask nor position_ids; mask only what comes after the text",
        row);
  }
  if (fixed != 0 && last >= fixed) {
    return invalid_argument(
        "text {} has a token at position {}, but the graph was exported for {} (positions 0 to {})",
        row, last, fixed, fixed - 1);
  }
  return {};
}

size_t column_of(const EncoderGraph& graph, const TokenBatch& batch, size_t row, size_t token) {
  if (graph.has_positions || batch.positions.empty()) return token;
  return static_cast<size_t>(batch.positions[static_cast<size_t>(batch.cu_seqlens[row]) + token]);
}

size_t columns_of(const EncoderGraph& graph, const TokenBatch& batch, size_t row) {
  return column_of(graph, batch, row, batch.length(row) - 1) + 1;
}

std::vector<NamedTensor> padded_inputs(const EncoderGraph& graph, const TokenBatch& batch,
                                       std::span<const size_t> rows, int32_t pad_id) {
  size_t columns = graph.fixed_tokens;
  if (columns == 0) {
    for (const size_t row : rows) columns = std::max(columns, columns_of(graph, batch, row));
  }
  const size_t row_count = graph.fixed_rows != 0 ? graph.fixed_rows : rows.size();
  const Layout layout{.graph = graph,
                      .batch = batch,
                      .rows = rows,
                      .shape = {static_cast<int64_t>(row_count), static_cast<int64_t>(columns)},
                      .pad_id = pad_id};
  std::vector<NamedTensor> tensors;
  for (const auto& input : graph.inputs) {
    tensors.push_back({input.name, input.dtype == DType::Int64 ? fill<int64_t>(layout, input)
                                                               : fill<int32_t>(layout, input)});
  }
  return tensors;
}

std::optional<Tensor> to_fp32(const Tensor& tensor) {
  switch (tensor.dtype()) {
    case DType::Fp32:
      return tensor;
    case DType::Fp16:
      return convert<uint16_t>(tensor, fp16_to_fp32);
    case DType::Bf16:
      return convert<uint16_t>(tensor, bf16_to_fp32);
    case DType::Fp64:
      return convert<double>(tensor, [](double value) { return static_cast<float>(value); });
    default:
      return std::nullopt;
  }
}

}  // namespace neso
