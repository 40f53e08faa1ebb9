// SPDX-License-Identifier: Apache-2.0
// The Engine over an OrtModel: checked runs of any graph, and texts through graphs that look like
// text encoders.
#include "engine/onnx/onnx_engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/check.h"
#include "base/error.h"
#include "base/log.h"
#include "checkpoint/onnx_external_data.h"
#include "engine/onnx/ort_model.h"
#include "engine/onnx/row_groups.h"
#include "engine/onnx/run_checks.h"
#include "engine/onnx/text_encoder.h"
#include "engine/pooling.h"

namespace neso {
namespace {

class OnnxEngine final : public Engine {
 public:
  OnnxEngine(OrtModel model, const OnnxOptions& options)
      : model_(std::move(model)), pad_token_id_(options.pad_token_id) {
    info_.name = "onnx";
    info_.device = options.gpu ? fmt::format("GPU {}", options.gpu->device) : "CPU";
    info_.can_run = true;
    info_.inputs = model_.inputs();
    info_.outputs = model_.outputs();
  }

  // Decides can_encode and the width, by running two tokens: what a graph declares of its outputs
  // need not be true.
  void probe_encoder();

  const EngineInfo& info() const override { return info_; }
  Result<> encode(const TokenBatch& batch, const PoolingSpec& pooling,
                  std::span<float> out) override;
  Result<> encode_tokens(const TokenBatch& batch, std::span<float> out) override;
  Result<std::vector<NamedTensor>> run(std::span<const NamedTensor> inputs,
                                       std::span<const std::string> outputs) override;

 private:
  Result<> check_batch(const TokenBatch& batch) const;
  std::vector<std::vector<size_t>> groups(const TokenBatch& batch) const;
  // The graph's output for these rows, as fp32: [rows, tokens, hidden] or [rows, width].
  Result<Tensor> run_rows(const TokenBatch& batch, std::span<const size_t> rows);
  // The states of the row's tokens, [its tokens, hidden], out of those of its columns; in `room`
  // when masked places lie between them.
  std::span<const float> token_states(const TokenBatch& batch, size_t row,
                                      std::span<const float> columns,
                                      std::vector<float>& room) const;
  // Calls take(row, values) for each row of the batch with what the graph answered for it: [its
  // tokens, hidden], or [width] when the graph pools.
  template <typename Take>
  Result<> for_each_row(const TokenBatch& batch, Take take);

  OrtModel model_;
  int32_t pad_token_id_;
  std::optional<EncoderGraph> graph_;
  EngineInfo info_;
};

void OnnxEngine::probe_encoder() {
  graph_ = recognise_text_encoder(info_.inputs, info_.outputs);
  if (!graph_) return;
  TokenBatch batch;
  const std::array<int32_t, 2> ids = {pad_token_id_, pad_token_id_};
  batch.append(std::span(ids).first(graph_->fixed_tokens == 1 ? 1 : 2));
  const std::array<size_t, 1> rows = {0};
  const auto output = run_rows(batch, rows);
  if (!output) {
    log_warning(
        "the graph looks like a text encoder, but fails on two padding tokens, so it only serves "
        "tensors: {}",
        output.error().message);
    graph_.reset();
    return;
  }
  info_.can_encode = true;
  info_.hidden = static_cast<size_t>(output->shape().back());
  info_.max_positions = graph_->fixed_tokens;
}

Result<> OnnxEngine::check_batch(const TokenBatch& batch) const {
  if (!graph_) {
    return unsupported(
        "this ONNX graph is no text encoder (inputs input_ids, attention_mask, token_type_ids, "
        "position_ids and an output [batch, tokens, hidden]); it only takes tensors");
  }
  for (size_t i = 0; i < batch.size(); ++i) NESO_TRY_VOID(check_row(*graph_, batch, i));
  return {};
}

std::vector<std::vector<size_t>> OnnxEngine::groups(const TokenBatch& batch) const {
  std::vector<size_t> lengths(batch.size(), graph_->fixed_tokens);
  if (graph_->fixed_tokens == 0) {
    for (size_t i = 0; i < lengths.size(); ++i) lengths[i] = columns_of(*graph_, batch, i);
  }
  return group_rows(lengths, {.rows = graph_->fixed_rows, .equal_lengths = !graph_->has_mask});
}

Result<Tensor> OnnxEngine::run_rows(const TokenBatch& batch, std::span<const size_t> rows) {
  const auto inputs = padded_inputs(*graph_, batch, rows, pad_token_id_);
  const std::array<std::string, 1> outputs = {graph_->output};
  NESO_TRY(const auto results, model_.run(inputs, outputs));
  const Tensor& output = results.front().tensor;
  const Shape& expected = inputs.front().tensor.shape();  // [rows, tokens]
  const Shape& shape = output.shape();
  const bool fits = graph_->pooled ? shape.size() == 2 && shape[0] == expected[0]
                                   : shape.size() == 3 && std::equal(expected.begin(),
                                                                     expected.end(), shape.begin());
  const auto width = static_cast<int64_t>(info_.hidden);  // 0: not known yet
  if (!fits || shape.back() == 0 || (width != 0 && shape.back() != width)) {
    return internal_error("output '{}' of the model has shape {} for texts of shape {}",
                          graph_->output, shape_text(shape), shape_text(expected));
  }
  auto values = to_fp32(output);
  if (!values)
    return internal_error("output '{}' of the model is {}", graph_->output,
                          kserve_name(output.dtype()));
  return *std::move(values);
}

std::span<const float> OnnxEngine::token_states(const TokenBatch& batch, size_t row,
                                                std::span<const float> columns,
                                                std::vector<float>& room) const {
  const size_t length = batch.length(row);
  if (columns_of(*graph_, batch, row) == length) return columns.first(length * info_.hidden);
  room.clear();
  for (size_t token = 0; token < length; ++token) {
    const size_t column = column_of(*graph_, batch, row, token);
    const auto state = columns.subspan(column * info_.hidden, info_.hidden);
    room.insert(room.end(), state.begin(), state.end());
  }
  return room;
}

template <typename Take>
Result<> OnnxEngine::for_each_row(const TokenBatch& batch, Take take) {
  std::vector<float> room;
  for (const auto& rows : groups(batch)) {
    NESO_TRY(const Tensor output, run_rows(batch, rows));
    const auto values = output.as<float>();
    const size_t stride = values.size() / static_cast<size_t>(output.shape().front());
    for (size_t r = 0; r < rows.size(); ++r) {
      const auto answered = values.subspan(r * stride, stride);
      take(rows[r], graph_->pooled ? answered : token_states(batch, rows[r], answered, room));
    }
  }
  return {};
}

Result<> OnnxEngine::encode(const TokenBatch& batch, const PoolingSpec& pooling,
                            std::span<float> out) {
  NESO_TRY_VOID(check_batch(batch));
  if (graph_->pooled && pooling.modes.size() != 1) {
    return unsupported(
        "the graph pools its texts itself, to {} values; pooling in {} ways at once needs the "
        "token "
        "states",
        info_.hidden, pooling.modes.size());
  }
  const size_t width = pooling.width(info_.hidden);
  NESO_CHECK(out.size() == batch.size() * width);
  return for_each_row(batch, [&](size_t row, std::span<const float> values) {
    const auto vector = out.subspan(row * width, width);
    if (graph_->pooled) {
      std::ranges::copy(values, vector.begin());
    } else {
      pool_sequence(values, info_.hidden, pooling, vector);
    }
  });
}

Result<> OnnxEngine::encode_tokens(const TokenBatch& batch, std::span<float> out) {
  NESO_TRY_VOID(check_batch(batch));
  if (graph_->pooled)
    return unsupported("the graph answers pooled vectors only, no states of single tokens");
  NESO_CHECK(out.size() == batch.tokens() * info_.hidden);
  return for_each_row(batch, [&](size_t row, std::span<const float> values) {
    std::ranges::copy(values,
                      out.begin() + batch.cu_seqlens[row] * static_cast<ptrdiff_t>(info_.hidden));
  });
}

Result<std::vector<NamedTensor>> OnnxEngine::run(std::span<const NamedTensor> inputs,
                                                 std::span<const std::string> outputs) {
  NESO_TRY_VOID(check_inputs(info_.inputs, inputs));
  NESO_TRY(const auto names, select_outputs(info_.outputs, outputs));
  return model_.run(inputs, names);
}

}  // namespace

Result<uint64_t> onnx_model_bytes(const std::filesystem::path& model) {
  return measure_onnx_file(model);
}

Result<std::unique_ptr<Engine>> open_onnx_engine(std::shared_ptr<OnnxRuntime> runtime,
                                                 const std::filesystem::path& model,
                                                 const OnnxOptions& options) {
  NESO_TRY_VOID(check_onnx_file(model));
  NESO_TRY(auto opened, OrtModel::open(std::move(runtime), model, options));
  auto engine = std::make_unique<OnnxEngine>(std::move(opened), options);
  engine->probe_encoder();
  return std::unique_ptr<Engine>(std::move(engine));
}

}  // namespace neso
