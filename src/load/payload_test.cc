// SPDX-License-Identifier: Apache-2.0
#include "load/payload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace neso::load {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;

TensorSource source(std::vector<InputSpec> inputs, bool batches, const PayloadOptions& options) {
  auto made = TensorSource::make(std::move(inputs), batches, options);
  EXPECT_TRUE(made) << made.error().message;
  return *std::move(made);
}

std::string complaint(std::vector<InputSpec> inputs, bool batches, const PayloadOptions& options) {
  const auto made = TensorSource::make(std::move(inputs), batches, options);
  return made ? "none" : made.error().message;
}

TEST(TextSource, MakesTextsOfSoManyWordsAndTheSameFromTheSameSeed) {
  TextSource one({.tokens = 5, .seed = 3}), same({.tokens = 5, .seed = 3}),
      other({.tokens = 5, .seed = 4});
  const std::string text = one.next();
  EXPECT_EQ(std::ranges::count(text, ' '), 4);
  EXPECT_EQ(text, same.next());
  EXPECT_NE(text, other.next());
  EXPECT_NE(text, one.next());
}

TEST(TextSource, GivesTheTextsOfAFileInTurn) {
  TextSource texts({.texts = {"a", "b", "c"}});
  EXPECT_THAT(texts.next(2), ElementsAre("a", "b"));
  EXPECT_THAT(texts.next(2), ElementsAre("c", "a"));
}

TEST(TensorSource, TokenInputsAreIdsWithoutPadding) {
  TensorSource tokens = source({{"input_ids", DType::Int64, {-1, -1}},
                                {"attention_mask", DType::Int64, {-1, -1}},
                                {"token_type_ids", DType::Int64, {-1, -1}},
                                {"position_ids", DType::Int32, {-1, -1}}},
                               true, {.rows = 2, .tokens = 3, .vocabulary = 10});
  const auto tensors = tokens.next();
  for (const NamedTensor& tensor : tensors)
    EXPECT_THAT(tensor.tensor.shape(), ElementsAre(2, 3)) << tensor.name;
  for (const int64_t id : tensors[0].tensor.as<int64_t>()) {
    EXPECT_GE(id, 1);
    EXPECT_LT(id, 10);
  }
  EXPECT_THAT(tensors[1].tensor.as<int64_t>(), Each(1));
  EXPECT_THAT(tensors[2].tensor.as<int64_t>(), Each(0));
  EXPECT_THAT(tensors[3].tensor.as<int32_t>(), ElementsAre(0, 1, 2, 0, 1, 2));
}

TEST(TensorSource, EveryTypeIsFilled) {
  for (const DType dtype : {DType::Bool, DType::Uint8, DType::Uint16, DType::Uint32, DType::Uint64,
                            DType::Int8, DType::Int16, DType::Int32, DType::Int64, DType::Fp16,
                            DType::Fp32, DType::Fp64, DType::Bf16}) {
    TensorSource tensors = source({{"x", dtype, {-1, 3}}}, true, {.rows = 4});
    const auto made = tensors.next();
    EXPECT_EQ(made[0].tensor.dtype(), dtype);
    EXPECT_EQ(made[0].tensor.bytes().size(), 12 * element_size(dtype)) << kserve_name(dtype);
  }
}

TEST(TensorSource, ATextPerElementOfABytesInput) {
  TensorSource tensors =
      source({{"text", DType::Bytes, {-1, 1}}}, true, {.rows = 2, .texts = {"a", "b", "c"}});
  const auto first = tensors.next();
  EXPECT_THAT(first[0].tensor.shape(), ElementsAre(2, 1));
  EXPECT_THAT(*bytes_elements(first[0].tensor.bytes()), ElementsAre("a", "b"));
}

TEST(TensorSource, OpenSizesComeFromShape) {
  TensorSource batched =
      source({{"x", DType::Fp32, {-1, -1, 2}}}, true, {.rows = 3, .shapes = {{"x", Shape{5, 2}}}});
  EXPECT_THAT(batched.next()[0].tensor.shape(), ElementsAre(3, 5, 2));
  TensorSource whole =
      source({{"x", DType::Fp32, {-1, 2}}}, false, {.shapes = {{"x", Shape{5, 2}}}});
  EXPECT_THAT(whole.next()[0].tensor.shape(), ElementsAre(5, 2));
}

TEST(TensorSource, SaysWhatDoesNotFit) {
  const InputSpec open{"x", DType::Fp32, {-1, -1}};
  EXPECT_THAT(complaint({open}, true, {}), HasSubstr("say them with --shape x:N,N"));
  EXPECT_THAT(complaint({open}, true, {.shapes = {{"y", Shape{1}}}}),
              HasSubstr("--shape names 'y', but the model's inputs are x"));
  EXPECT_THAT(complaint({open}, true, {.shapes = {{"x", Shape{1, 2}}}}),
              HasSubstr("--shape gives [1,2] for the input 'x', which has [-1]"));
  EXPECT_THAT(complaint({{"x", DType::Fp32, {2}}}, false, {.rows = 2}),
              HasSubstr("takes no batches"));
  EXPECT_THAT(complaint({open}, true, {.shapes = {{"x", Shape{int64_t{1} << 31}}}}),
              HasSubstr("take smaller sizes"));
}

}  // namespace
}  // namespace neso::load
