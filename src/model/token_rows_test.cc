// SPDX-License-Identifier: Apache-2.0
// From id tensors to sequences: masks, padding, limits; every refusal with row and position.
#include "model/token_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace neso {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr TokenLimits kLimits = {.vocabulary = 10, .type_vocabulary = 2, .max_positions = 6};

Tensor table(Shape shape, std::vector<int64_t> values) {
  return Tensor::from<int64_t>(DType::Int64, std::move(shape), values);
}

Result<TokenRows> read(const Tensor& ids, const Tensor* mask = nullptr,
                       const Tensor* types = nullptr) {
  return read_token_rows({.ids = &ids, .mask = mask, .types = types}, kLimits, 0);
}

std::string error_of(const Result<TokenRows>& rows) {
  return rows ? "accepted" : rows.error().message;
}

TEST(TokenRows, DropsTrailingPaddingWhenThereIsNoMask) {
  const auto rows = read(table({2, 4}, {5, 0, 7, 0, 6, 0, 0, 0}));
  ASSERT_TRUE(rows) << rows.error().message;
  EXPECT_THAT(rows->sequences[0].ids, ElementsAre(5, 0, 7)) << "an inner pad id is a token";
  EXPECT_THAT(rows->sequences[0].positions, IsEmpty());
  EXPECT_THAT(rows->sequences[1].ids, ElementsAre(6));
  EXPECT_THAT(rows->mask, ElementsAre(1, 1, 1, 0, 1, 0, 0, 0));
}

TEST(TokenRows, KeepsThePlacesOfTokensBehindMaskedOnes) {
  const Tensor mask = table({2, 4}, {0, 0, 1, 1, 1, 0, 1, 0});
  const auto rows = read(table({2, 4}, {0, 0, 5, 6, 7, 3, 8, 0}), &mask);
  ASSERT_TRUE(rows);
  EXPECT_THAT(rows->sequences[0].ids, ElementsAre(5, 6));
  EXPECT_THAT(rows->sequences[0].positions, ElementsAre(2, 3));
  EXPECT_THAT(rows->sequences[1].ids, ElementsAre(7, 8));
  EXPECT_THAT(rows->sequences[1].positions, ElementsAre(0, 2));
}

TEST(TokenRows, TakesTypeIdsOfUnmaskedTokens) {
  const Tensor mask = table({1, 3}, {1, 1, 0});
  const Tensor types = table({1, 3}, {0, 1, 9});
  const auto rows = read(table({1, 3}, {5, 6, 99}), &mask, &types);
  ASSERT_TRUE(rows) << "what is masked is not looked at: " << error_of(rows);
  EXPECT_THAT(rows->sequences[0].type_ids, ElementsAre(0, 1));
}

TEST(TokenRows, TakesInt32AndASingleRowWithoutABatchDimension) {
  const Tensor ids = Tensor::from<int32_t>(DType::Int32, {3}, std::vector<int32_t>{4, 5, 0});
  const auto rows = read(ids);
  ASSERT_TRUE(rows);
  EXPECT_TRUE(rows->single);
  EXPECT_THAT(rows->sequences[0].ids, ElementsAre(4, 5));
}

TEST(TokenRows, RefusesIdsOutsideTheVocabulary) {
  for (const int64_t id :
       {int64_t{10}, int64_t{-1}, std::numeric_limits<int64_t>::min(), int64_t{1} << 32}) {
    EXPECT_EQ(error_of(read(table({2, 2}, {1, 2, 3, id}))),
              "row 1 of input 'input_ids' has id " + std::to_string(id) +
                  " at position 1; the model's ids are 0 to 9");
  }
}

TEST(TokenRows, RefusesIdsBeyondInt32EvenWhenTheVocabularyIsUnknown) {
  const Tensor ids = table({1, 1}, {int64_t{1} << 40});
  EXPECT_FALSE(read_token_rows({.ids = &ids}, {}, 0));
}

TEST(TokenRows, RefusesTypeIdsOutsideTheirVocabulary) {
  const Tensor types = table({1, 2}, {0, 5});
  EXPECT_THAT(error_of(read(table({1, 2}, {1, 2}), nullptr, &types)),
              HasSubstr("row 0 of input 'token_type_ids' has 5 at position 1"));
}

TEST(TokenRows, RefusesMasksThatAreNotZeroOrOne) {
  const Tensor mask = table({2, 2}, {1, 1, 1, 2});
  EXPECT_EQ(error_of(read(table({2, 2}, {1, 2, 3, 4}), &mask)),
            "row 1 of input 'attention_mask' has 2 at position 1; a mask is 0 or 1");
}

TEST(TokenRows, RefusesRowsWithoutAToken) {
  const Tensor mask = table({2, 2}, {1, 1, 0, 0});
  EXPECT_EQ(error_of(read(table({2, 2}, {1, 2, 3, 4}), &mask)),
            "row 1 of input 'attention_mask' is all 0; a text needs a token");
  EXPECT_EQ(error_of(read(table({2, 2}, {1, 2, 0, 0}))),
            "row 1 of input 'input_ids' is padding only; a text needs a token");
  EXPECT_EQ(error_of(read(table({1, 0}, {}))), "row 0 of input 'input_ids' has no token");
  EXPECT_EQ(error_of(read(table({0, 3}, {}))), "input 'input_ids' has no row");
}

TEST(TokenRows, RefusesTokensBeyondTheLastPosition) {
  const Tensor long_ids = table({1, 7}, {1, 1, 1, 1, 1, 1, 1});
  EXPECT_THAT(error_of(read(long_ids)), HasSubstr("the model takes 6 tokens"));
  const Tensor mask = table({1, 7}, {1, 1, 1, 1, 1, 1, 0});
  EXPECT_EQ(error_of(read(long_ids, &mask)), "accepted") << "padding beyond the limit is fine";
}

TEST(TokenRows, TakesPositionsAsSent) {
  const Tensor ids = table({1, 3}, {1, 2, 0});
  const Tensor positions = table({1, 3}, {3, 4, 99});
  const auto rows = read_token_rows({.ids = &ids, .positions = &positions}, kLimits, 0);
  ASSERT_TRUE(rows);
  EXPECT_THAT(rows->sequences[0].positions, ElementsAre(3, 4));
  const Tensor beyond = table({1, 3}, {3, 6, 0});
  EXPECT_THAT(error_of(read_token_rows({.ids = &ids, .positions = &beyond}, kLimits, 0)),
              HasSubstr("a token at position 6"));
}

TEST(TokenRows, RefusesShapesThatDiffer) {
  const Tensor mask = table({1, 3}, {1, 1, 1});
  EXPECT_EQ(error_of(read(table({1, 2}, {1, 2}), &mask)),
            "input 'attention_mask' has shape [1,3], but 'input_ids' has shape [1,2]; they must be "
            "equal");
}

TEST(TokenRows, PadsSequencesToADenseTable) {
  const TokenRows rows = rows_of_sequences(
      {SequenceWork{.ids = {1, 2, 3}, .type_ids = {0, 0, 1}}, SequenceWork{.ids = {4}}}, 9);
  const auto ids = dense_tensor(rows, "input_ids", DType::Int64);
  ASSERT_TRUE(ids);
  EXPECT_THAT(ids->shape(), ElementsAre(2, 3));
  EXPECT_THAT(ids->as<int64_t>(), ElementsAre(1, 2, 3, 4, 9, 9));
  EXPECT_THAT(dense_tensor(rows, "attention_mask", DType::Int32)->as<int32_t>(),
              ElementsAre(1, 1, 1, 1, 0, 0));
  EXPECT_THAT(dense_tensor(rows, "token_type_ids", DType::Int64)->as<int64_t>(),
              ElementsAre(0, 0, 1, 0, 0, 0));
  EXPECT_THAT(dense_tensor(rows, "position_ids", DType::Int64)->as<int64_t>(),
              ElementsAre(0, 1, 2, 0, 1, 2));
  EXPECT_FALSE(dense_tensor(rows, "pixel_values", DType::Int64));
  EXPECT_FALSE(dense_tensor(rows, "input_ids", DType::Fp32));
}

}  // namespace
}  // namespace neso
