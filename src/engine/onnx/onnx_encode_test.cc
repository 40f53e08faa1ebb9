// SPDX-License-Identifier: Apache-2.0
// Texts through small encoders whose tokens see each other: a wrong mask, position or order changes
// every number.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "engine/onnx/onnx_engine.h"
#include "engine/onnx/onnx_fixture.h"
#include "engine/pooling.h"

namespace neso {
namespace {

using testing::HasSubstr;

constexpr size_t kHidden = 8;
const PoolingSpec kMean;

TokenBatch batch_of(const std::vector<std::vector<int32_t>>& texts) {
  TokenBatch batch;
  for (const auto& ids : texts) {
    std::vector<int32_t> types(ids.size());
    for (size_t i = 0; i < types.size(); ++i) types[i] = i >= ids.size() / 2 ? 1 : 0;
    batch.append(ids, types);
  }
  return batch;
}

const std::vector<std::vector<int32_t>> kTexts = {
    {3, 4, 5}, {7}, {9, 8, 7, 6, 5, 4, 3, 2, 1, 11, 12}, {3, 4}, {20, 21, 22}};

std::vector<float> encode(Engine& engine, const TokenBatch& batch,
                          const PoolingSpec& pooling = kMean) {
  std::vector<float> out(batch.size() * pooling.width(kHidden), -99);
  const auto result = engine.encode(batch, pooling, out);
  EXPECT_TRUE(result) << (result ? "" : result.error().message);
  return out;
}

void expect_near(std::span<const float> actual, std::span<const float> expected, float tolerance) {
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < actual.size(); ++i)
    ASSERT_NEAR(actual[i], expected[i], tolerance) << "at " << i;
}

// One text through run(), without padding, averaged here.
std::vector<float> by_hand(Engine& engine, const std::vector<int32_t>& ids) {
  const TokenBatch batch = batch_of({ids});
  const Shape shape = {1, static_cast<int64_t>(ids.size())};
  const std::vector<int64_t> wide(ids.begin(), ids.end());
  const std::vector<int64_t> mask(ids.size(), 1);
  const std::vector<int64_t> types(batch.type_ids.begin(), batch.type_ids.end());
  const std::array<NamedTensor, 3> inputs = {
      NamedTensor{"input_ids", Tensor::from(DType::Int64, shape, std::span(wide))},
      NamedTensor{"attention_mask", Tensor::from(DType::Int64, shape, std::span(mask))},
      NamedTensor{"token_type_ids", Tensor::from(DType::Int64, shape, std::span(types))}};
  const auto result = engine.run(inputs, {});
  EXPECT_TRUE(result);
  const auto states = result->front().tensor.as<float>();
  std::vector<float> mean(kHidden);
  for (size_t i = 0; i < states.size(); ++i)
    mean[i % kHidden] += states[i] / static_cast<float>(ids.size());
  return mean;
}

std::vector<float> all_by_hand() {
  auto engine = onnx_fixture::open("encoder");
  std::vector<float> all;
  for (const auto& ids : kTexts) {
    const auto mean = by_hand(*engine, ids);
    all.insert(all.end(), mean.begin(), mean.end());
  }
  return all;
}

TEST(OnnxEncode, DescribesItself) {
  const auto engine = onnx_fixture::open("encoder");
  EXPECT_TRUE(engine->info().can_encode);
  EXPECT_TRUE(engine->info().can_run);
  EXPECT_EQ(engine->info().hidden, kHidden);
  EXPECT_EQ(engine->info().max_positions, 0u);
}

TEST(OnnxEncode, AnswersWhatARunAnswersInTheOrderOfTheTexts) {
  auto engine = onnx_fixture::open("encoder");
  expect_near(encode(*engine, batch_of(kTexts)), all_by_hand(), 1e-5f);
}

TEST(OnnxEncode, ARaggedBatchEqualsItsTextsAlone) {
  auto engine = onnx_fixture::open("encoder");
  std::vector<std::vector<int32_t>> texts;
  for (int32_t i = 0; i < 50; ++i) {
    std::vector<int32_t> ids;
    for (int32_t t = 0; t < 1 + (i * 7) % 30; ++t) ids.push_back((i * 5 + t * 3) % 32);
    texts.push_back(ids);
  }
  const auto together = encode(*engine, batch_of(texts));
  for (size_t i = 0; i < texts.size(); ++i) {
    expect_near(std::span(together).subspan(i * kHidden, kHidden),
                encode(*engine, batch_of({texts[i]})), 1e-5f);
  }
}

TEST(OnnxEncode, EveryFormOfTheGraphAgrees) {
  const auto expected = all_by_hand();
  for (const char* model : {"encoder_int32", "encoder_pooled", "encoder_batch1"}) {
    auto engine = onnx_fixture::open(model);
    ASSERT_TRUE(engine->info().can_encode) << model;
    expect_near(encode(*engine, batch_of(kTexts)), expected, 1e-5f);
  }
  auto fp16 = onnx_fixture::open("encoder_fp16");
  expect_near(encode(*fp16, batch_of(kTexts)), expected, 1e-3f);
  auto bf16 = onnx_fixture::open("encoder_bf16");
  expect_near(encode(*bf16, batch_of(kTexts)), expected, 8e-3f);
}

TEST(OnnxEncode, FillsUpAFixedShape) {
  auto fixed = onnx_fixture::open("encoder_fixed");  // [3, 6]
  ASSERT_TRUE(fixed->info().can_encode);
  EXPECT_EQ(fixed->info().max_positions, 6u);
  auto free = onnx_fixture::open("encoder");
  const auto batch = batch_of({{1, 2, 3}, {4}, {5, 6, 7, 8, 9, 10}, {11, 12}});
  expect_near(encode(*fixed, batch), encode(*free, batch), 1e-5f);
  std::vector<float> out(kHidden);
  const auto longer = fixed->encode(batch_of({{1, 2, 3, 4, 5, 6, 7}}), kMean, out);
  ASSERT_FALSE(longer);
  EXPECT_EQ(longer.error(), (Error{ErrorCode::InvalidArgument,
                                   "text 0 has 7 tokens, but the graph was exported for 6"}));
}

TEST(OnnxEncode, NeverPadsWithoutAMask) {
  auto engine = onnx_fixture::open("encoder_ids_only");
  const auto together = encode(*engine, batch_of(kTexts));
  for (size_t i = 0; i < kTexts.size(); ++i) {
    expect_near(std::span(together).subspan(i * kHidden, kHidden),
                encode(*engine, batch_of({kTexts[i]})), 1e-5f);
  }
  EXPECT_FALSE(onnx_fixture::open("encoder_fixed_ids_only")->info().can_encode);
}

TEST(OnnxEncode, PassesPositionsOrCountsThem) {
  auto engine = onnx_fixture::open("encoder_positions");
  const std::array ids = {3, 4, 5};
  TokenBatch counted;
  counted.append(ids);
  TokenBatch same;
  same.append(ids, {}, std::array{0, 1, 2});
  TokenBatch shifted;
  shifted.append(ids, {}, std::array{2, 3, 4});
  EXPECT_EQ(encode(*engine, counted), encode(*engine, same));
  EXPECT_NE(encode(*engine, counted), encode(*engine, shifted));
}

// A row as a client pads it: masked places in front of and between its tokens.
struct PaddedRow {
  std::vector<int64_t> ids;
  std::vector<int64_t> mask;
};

const std::vector<PaddedRow> kPaddedRows = {{{0, 0, 5, 6, 7}, {0, 0, 1, 1, 1}},
                                            {{7, 8}, {1, 1}},
                                            {{3, 0, 4, 9, 0, 8}, {1, 0, 1, 1, 0, 1}},
                                            {{0, 0, 0, 2, 0}, {0, 0, 0, 1, 0}}};

TokenBatch unmasked(const std::vector<PaddedRow>& rows) {
  TokenBatch batch;
  for (const PaddedRow& row : rows) {
    std::vector<int32_t> ids;
    std::vector<int32_t> positions;
    for (size_t i = 0; i < row.ids.size(); ++i) {
      if (row.mask[i] == 0) continue;
      ids.push_back(static_cast<int32_t>(row.ids[i]));
      positions.push_back(static_cast<int32_t>(i));
    }
    batch.append(ids, {}, positions);
  }
  return batch;
}

// The states of unmasked tokens, [tokens, hidden], from runs of the rows as they are.
std::vector<float> states_by_hand(const std::vector<PaddedRow>& rows) {
  auto engine = onnx_fixture::open("encoder");
  std::vector<float> states;
  for (const PaddedRow& row : rows) {
    const Shape shape = {1, static_cast<int64_t>(row.ids.size())};
    const std::vector<int64_t> types(row.ids.size());
    const std::array<NamedTensor, 3> inputs = {
        NamedTensor{"input_ids", Tensor::from(DType::Int64, shape, std::span(row.ids))},
        NamedTensor{"attention_mask", Tensor::from(DType::Int64, shape, std::span(row.mask))},
        NamedTensor{"token_type_ids", Tensor::from(DType::Int64, shape, std::span(types))}};
    const auto result = engine->run(inputs, {});
    EXPECT_TRUE(result);
    const auto values = result->front().tensor.as<float>();
    for (size_t i = 0; i < row.mask.size(); ++i) {
      if (row.mask[i] == 0) continue;
      const auto state = values.subspan(i * kHidden, kHidden);
      states.insert(states.end(), state.begin(), state.end());
    }
  }
  return states;
}

TEST(OnnxEncode, TokensKeepTheirPlacesBehindMaskedOnes) {
  const TokenBatch batch = unmasked(kPaddedRows);
  const auto expected_states = states_by_hand(kPaddedRows);
  std::vector<float> expected(batch.size() * kHidden);
  for (size_t i = 0; i < batch.size(); ++i) {
    const auto first = static_cast<size_t>(batch.cu_seqlens[i]) * kHidden;
    pool_sequence(std::span(expected_states).subspan(first, batch.length(i) * kHidden), kHidden,
                  kMean, std::span(expected).subspan(i * kHidden, kHidden));
  }
  for (const char* model : {"encoder", "encoder_int32", "encoder_batch1", "encoder_fixed"}) {
    SCOPED_TRACE(model);
    auto engine = onnx_fixture::open(model);
    expect_near(encode(*engine, batch), expected, 1e-5f);
    std::vector<float> states(batch.tokens() * kHidden);
    ASSERT_TRUE(engine->encode_tokens(batch, states));
    expect_near(states, expected_states, 1e-5f);
  }
  auto pooled = onnx_fixture::open("encoder_pooled");
  expect_near(encode(*pooled, batch), expected, 1e-5f);
}

TEST(OnnxEncode, RefusesPositionsThatTheGraphCannotBeTold) {
  const auto error = [](const char* model, std::span<const int32_t> positions) {
    auto engine = onnx_fixture::open(model);
    TokenBatch batch;
    batch.append(std::array{1, 2});
    batch.append(std::array{3, 4}, {}, positions);
    std::vector<float> out(2 * kHidden);
    const auto result = engine->encode(batch, kMean, out);
    return result ? Error{ErrorCode::Internal, "accepted"} : result.error();
  };
  EXPECT_EQ(error("encoder_ids_only", std::array{0, 1}).message, "accepted");
  EXPECT_EQ(error("encoder_ids_only", std::array{0, 2}),
            (Error{ErrorCode::Unsupported,
                   "text 1 masks a token before its last one, but the graph has neither an input "
                   "attention_mask nor position_ids; mask only what comes after the text"}));
  EXPECT_EQ(error("encoder_fixed", std::array{4, 5}).message, "accepted");
  EXPECT_EQ(error("encoder_fixed", std::array{5, 6}),
            (Error{ErrorCode::InvalidArgument,
                   "text 1 has a token at position 6, but the graph was exported for 6 (positions "
                   "0 to 5)"}));
  for (const std::array positions : {std::array{1, 1}, std::array{3, 2}, std::array{-1, 0}}) {
    EXPECT_EQ(error("encoder", positions),
              (Error{ErrorCode::InvalidArgument,
                     "text 1 has positions that do not ascend from 0 on; the graph has no input "
                     "position_ids, so a position is a token's place in its row"}));
  }
  EXPECT_EQ(error("encoder_positions", std::array{3, 2}).message, "accepted");
}

TEST(OnnxEncode, PoolsInSeveralWays) {
  auto engine = onnx_fixture::open("encoder");
  const auto batch = batch_of(kTexts);
  std::vector<float> states(batch.tokens() * kHidden);
  ASSERT_TRUE(engine->encode_tokens(batch, states));
  const auto out = encode(*engine, batch, {.modes = {PoolingMode::Cls, PoolingMode::LastToken}});
  for (size_t i = 0; i < batch.size(); ++i) {
    const auto first = static_cast<size_t>(batch.cu_seqlens[i]);
    const auto last = static_cast<size_t>(batch.cu_seqlens[i + 1]) - 1;
    const auto vector = std::span(out).subspan(i * 2 * kHidden, 2 * kHidden);
    expect_near(vector.first(kHidden), std::span(states).subspan(first * kHidden, kHidden), 1e-5f);
    expect_near(vector.last(kHidden), std::span(states).subspan(last * kHidden, kHidden), 1e-5f);
  }
}

TEST(OnnxEncode, APooledGraphHasNoTokenStates) {
  auto engine = onnx_fixture::open("encoder_pooled");
  const auto batch = batch_of(kTexts);
  std::vector<float> states(batch.tokens() * kHidden);
  EXPECT_EQ(engine->encode_tokens(batch, states).error().code, ErrorCode::Unsupported);
  std::vector<float> out(batch.size() * 2 * kHidden);
  EXPECT_EQ(
      engine->encode(batch, {.modes = {PoolingMode::Cls, PoolingMode::Mean}}, out).error().code,
      ErrorCode::Unsupported);
}

TEST(OnnxEncode, AnEmptyBatchReturnsAtOnce) {
  auto engine = onnx_fixture::open("encoder");
  EXPECT_TRUE(engine->encode(TokenBatch{}, kMean, {}));
  EXPECT_TRUE(engine->encode_tokens(TokenBatch{}, {}));
}

TEST(OnnxEncode, RefusesAGraphThatIsNoEncoder) {
  auto engine = onnx_fixture::open("simple");
  std::vector<float> out(kHidden);
  const auto result = engine->encode(batch_of({{1}}), kMean, out);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::Unsupported);
  EXPECT_THAT(result.error().message, HasSubstr("no text encoder"));
}

TEST(OnnxEncode, AnIdOutsideTheVocabularyIsAnErrorAndNotTheEnd) {
  auto engine = onnx_fixture::open("encoder");
  std::vector<float> out(kHidden);
  const auto result = engine->encode(batch_of({{1, 5000}}), kMean, out);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::InvalidArgument);
  expect_near(encode(*engine, batch_of(kTexts)), all_by_hand(), 1e-5f);
}

TEST(OnnxEncode, AProbeThatFailsLeavesTensorsServed) {
  const auto engine = onnx_fixture::open("encoder", {.pad_token_id = 5000});
  EXPECT_FALSE(engine->info().can_encode);
  EXPECT_TRUE(engine->info().can_run);
}

}  // namespace
}  // namespace neso
