// SPDX-License-Identifier: Apache-2.0
#include "engine/onnx/text_encoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdint>

namespace neso {
namespace {

using testing::ElementsAre;

const TensorSpec kIds = {"input_ids", DType::Int64, {-1, -1}};
const TensorSpec kMask = {"attention_mask", DType::Int64, {-1, -1}};
const TensorSpec kStates = {"last_hidden_state", DType::Fp32, {-1, -1, 8}};
const TensorSpec kPooled = {"sentence_embedding", DType::Fp32, {-1, 8}};

std::optional<EncoderGraph> recognise(std::vector<TensorSpec> inputs,
                                      std::vector<TensorSpec> outputs) {
  return recognise_text_encoder(inputs, outputs);
}

TEST(TextEncoder, RecognisesAnExport) {
  const auto graph = recognise({kIds, kMask}, {kStates});
  ASSERT_TRUE(graph);
  EXPECT_EQ(graph->output, "last_hidden_state");
  EXPECT_FALSE(graph->pooled);
  EXPECT_TRUE(graph->has_mask);
  EXPECT_EQ(graph->fixed_rows, 0u);
  EXPECT_EQ(graph->fixed_tokens, 0u);
}

TEST(TextEncoder, PrefersTokenStatesByName) {
  const TensorSpec other = {"logits", DType::Fp32, {-1, -1, 2}};
  EXPECT_EQ(recognise({kIds}, {other, kStates})->output, "last_hidden_state");
  EXPECT_EQ(recognise({kIds}, {other, {"token_embeddings", DType::Fp16, {-1, -1, 8}}})->output,
            "token_embeddings");
  EXPECT_EQ(recognise({kIds}, {kPooled, other})->output, "logits");
  EXPECT_EQ(recognise({kIds}, {{"last_hidden_state", DType::Int64, {-1, -1, 8}}, other})->output,
            "logits");
}

TEST(TextEncoder, TakesAPooledOutputWhenThereIsNoOther) {
  const auto graph = recognise({kIds}, {{"pooler_output", DType::Fp32, {-1, 8}}, kPooled});
  ASSERT_TRUE(graph);
  EXPECT_EQ(graph->output, "sentence_embedding");
  EXPECT_TRUE(graph->pooled);
}

TEST(TextEncoder, IsNotFooledByOtherGraphs) {
  EXPECT_FALSE(recognise({}, {kStates}));
  EXPECT_FALSE(recognise({kMask}, {kStates}));
  EXPECT_FALSE(recognise({kIds, {"pixel_values", DType::Fp32, {-1, 3, 8, 8}}}, {kStates}));
  EXPECT_FALSE(recognise({{"input_ids", DType::Fp32, {-1, -1}}}, {kStates}));
  EXPECT_FALSE(recognise({{"input_ids", DType::Int64, {-1}}}, {kStates}));
  EXPECT_FALSE(recognise({kIds}, {{"logits", DType::Fp32, {-1, 2}}}));
  EXPECT_FALSE(recognise({kIds}, {}));
}

TEST(TextEncoder, JoinsFixedSizes) {
  const auto graph =
      recognise({{"input_ids", DType::Int64, {1, -1}}, {"attention_mask", DType::Int32, {-1, 16}}},
                {kStates});
  ASSERT_TRUE(graph);
  EXPECT_EQ(graph->fixed_rows, 1u);
  EXPECT_EQ(graph->fixed_tokens, 16u);
  EXPECT_FALSE(
      recognise({{"input_ids", DType::Int64, {-1, 8}}, {"attention_mask", DType::Int64, {-1, 16}}},
                {kStates}));
  EXPECT_FALSE(recognise({{"input_ids", DType::Int64, {0, -1}}}, {kStates}));
}

TEST(TextEncoder, RefusesAFixedLengthWithoutAMask) {
  EXPECT_FALSE(recognise({{"input_ids", DType::Int64, {-1, 16}}}, {kStates}));
}

template <typename T>
std::vector<T> values(const Tensor& tensor) {
  return {tensor.as<T>().begin(), tensor.as<T>().end()};
}

TEST(TextEncoder, PadsEveryInputOnTheRight) {
  EncoderGraph graph;
  graph.inputs = {{"i", EncoderInput::Ids, DType::Int64},
                  {"m", EncoderInput::Mask, DType::Int32},
                  {"t", EncoderInput::Types, DType::Int64},
                  {"p", EncoderInput::Positions, DType::Int64}};
  graph.has_mask = true;
  graph.has_positions = true;
  TokenBatch batch;
  batch.append(std::array{5}, std::array{1}, std::array{9});
  batch.append(std::array{6, 7, 8}, std::array{0, 1, 1}, std::array{2, 3, 4});
  const auto tensors = padded_inputs(graph, batch, std::array<size_t, 2>{1, 0}, 77);
  ASSERT_EQ(tensors.size(), 4u);
  EXPECT_EQ(tensors[0].tensor.shape(), (Shape{2, 3}));
  EXPECT_THAT(values<int64_t>(tensors[0].tensor), ElementsAre(6, 7, 8, 5, 77, 77));
  EXPECT_EQ(tensors[1].tensor.dtype(), DType::Int32);
  EXPECT_THAT(values<int32_t>(tensors[1].tensor), ElementsAre(1, 1, 1, 1, 0, 0));
  EXPECT_THAT(values<int64_t>(tensors[2].tensor), ElementsAre(0, 1, 1, 1, 0, 0));
  EXPECT_THAT(values<int64_t>(tensors[3].tensor), ElementsAre(2, 3, 4, 9, 0, 0));
}

TEST(TextEncoder, LeavesMaskedGapsWhereTheGraphCountsThePositions) {
  EncoderGraph graph;
  graph.inputs = {{"i", EncoderInput::Ids, DType::Int64},
                  {"m", EncoderInput::Mask, DType::Int64},
                  {"t", EncoderInput::Types, DType::Int64}};
  graph.has_mask = true;
  TokenBatch batch;
  batch.append(std::array{5, 6}, std::array{1, 1}, std::array{1, 3});
  batch.append(std::array{7, 8, 9});
  const auto tensors = padded_inputs(graph, batch, std::array<size_t, 2>{0, 1}, 77);
  EXPECT_EQ(columns_of(graph, batch, 0), 4u);
  EXPECT_EQ(columns_of(graph, batch, 1), 3u);
  EXPECT_EQ(tensors[0].tensor.shape(), (Shape{2, 4}));
  EXPECT_THAT(values<int64_t>(tensors[0].tensor), ElementsAre(77, 5, 77, 6, 7, 8, 9, 77));
  EXPECT_THAT(values<int64_t>(tensors[1].tensor), ElementsAre(0, 1, 0, 1, 1, 1, 1, 0));
  EXPECT_THAT(values<int64_t>(tensors[2].tensor), ElementsAre(0, 1, 0, 1, 0, 0, 0, 0));
}

TEST(TextEncoder, FillsUpToFixedSizes) {
  EncoderGraph graph;
  graph.inputs = {{"i", EncoderInput::Ids, DType::Int32},
                  {"m", EncoderInput::Mask, DType::Int64},
                  {"p", EncoderInput::Positions, DType::Int64}};
  graph.has_mask = true;
  graph.has_positions = true;
  graph.fixed_rows = 2;
  graph.fixed_tokens = 4;
  TokenBatch batch;
  batch.append(std::array{5, 6});
  const auto tensors = padded_inputs(graph, batch, std::array<size_t, 1>{0}, 3);
  EXPECT_EQ(tensors[0].tensor.shape(), (Shape{2, 4}));
  EXPECT_THAT(values<int32_t>(tensors[0].tensor), ElementsAre(5, 6, 3, 3, 3, 3, 3, 3));
  EXPECT_THAT(values<int64_t>(tensors[1].tensor), ElementsAre(1, 1, 0, 0, 1, 0, 0, 0));
  EXPECT_THAT(values<int64_t>(tensors[2].tensor), ElementsAre(0, 1, 0, 0, 0, 0, 0, 0));
}

TEST(TextEncoder, WidensEveryFloatType) {
  const std::array<uint16_t, 2> fp16 = {0x3c00, 0xc000};  // 1, -2
  const std::array<uint16_t, 2> bf16 = {0x3f80, 0xc000};  // 1, -2
  const std::array<double, 2> fp64 = {1, -2};
  EXPECT_THAT(
      values<float>(*to_fp32(Tensor::from(DType::Fp16, {2}, std::span<const uint16_t>(fp16)))),
      ElementsAre(1, -2));
  EXPECT_THAT(
      values<float>(*to_fp32(Tensor::from(DType::Bf16, {2}, std::span<const uint16_t>(bf16)))),
      ElementsAre(1, -2));
  EXPECT_THAT(
      values<float>(*to_fp32(Tensor::from(DType::Fp64, {2}, std::span<const double>(fp64)))),
      ElementsAre(1, -2));
  EXPECT_FALSE(to_fp32(Tensor(DType::Int32, {1}, std::vector<std::byte>(4))));
}

}  // namespace
}  // namespace neso
