// SPDX-License-Identifier: Apache-2.0
// Joining and splitting tensors by rows: numbers, texts, and outputs that do not have a row per
// row.
#include "scheduling/tensor_batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace neso {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

NamedTensor ints(std::string name, Shape shape, std::vector<int32_t> values) {
  return {std::move(name), Tensor::from<int32_t>(DType::Int32, std::move(shape), values)};
}

NamedTensor texts(std::string name, Shape shape, std::vector<std::string> values) {
  return {std::move(name), Tensor::from_strings(std::move(shape), values)};
}

TEST(TensorBatch, JoinsByNameWhateverTheOrder) {
  const std::vector<NamedTensor> a = {ints("x", {1, 2}, {1, 2}), texts("t", {1}, {"one"})};
  const std::vector<NamedTensor> b = {texts("t", {2}, {"", "three"}),
                                      ints("x", {2, 2}, {3, 4, 5, 6})};
  const std::vector<std::span<const NamedTensor>> parts = {a, b};
  const auto joined = join_rows(parts);
  ASSERT_EQ(joined.size(), 2U);
  EXPECT_EQ(joined[0].name, "x");
  EXPECT_THAT(joined[0].tensor.shape(), ElementsAre(3, 2));
  EXPECT_THAT(joined[0].tensor.as<int32_t>(), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(joined[1].tensor.shape(), ElementsAre(3));
  EXPECT_THAT(bytes_elements(joined[1].tensor.bytes()).value(), ElementsAre("one", "", "three"));
}

TEST(TensorBatch, SplitsWhatWasJoined) {
  const std::vector<size_t> rows = {1, 2};
  const auto pieces = split_rows(
      {ints("x", {3, 2}, {1, 2, 3, 4, 5, 6}), texts("t", {3, 1}, {"one", "", "three"})}, rows);
  ASSERT_TRUE(pieces) << pieces.error().message;
  EXPECT_THAT((*pieces)[0][0].tensor.as<int32_t>(), ElementsAre(1, 2));
  EXPECT_THAT((*pieces)[1][0].tensor.shape(), ElementsAre(2, 2));
  EXPECT_THAT((*pieces)[1][0].tensor.as<int32_t>(), ElementsAre(3, 4, 5, 6));
  EXPECT_THAT(bytes_elements((*pieces)[1][1].tensor.bytes()).value(), ElementsAre("", "three"));
}

TEST(TensorBatch, ALargePieceDoesNotKeepAMuchLargerWhole) {
  constexpr int64_t kColumns = 8192;  // 32 KiB a row
  const NamedTensor whole = ints("x", {4, kColumns}, std::vector<int32_t>(4 * kColumns, 7));
  const std::vector<size_t> rows = {1, 3};
  const auto pieces = split_rows({whole}, rows);
  ASSERT_TRUE(pieces);
  EXPECT_NE((*pieces)[0][0].tensor.bytes().data(), whole.tensor.bytes().data());
  EXPECT_THAT((*pieces)[0][0].tensor.as<int32_t>(), ::testing::Each(7));
  EXPECT_EQ((*pieces)[1][0].tensor.bytes().data(),
            whole.tensor.bytes().data() + kColumns * sizeof(int32_t));
}

TEST(TensorBatch, KeepsRowsWithoutElements) {
  const std::vector<size_t> rows = {1, 1};
  const auto pieces = split_rows({ints("x", {2, 0}, {})}, rows);
  ASSERT_TRUE(pieces);
  EXPECT_THAT((*pieces)[1][0].tensor.shape(), ElementsAre(1, 0));
  EXPECT_TRUE((*pieces)[1][0].tensor.bytes().empty());
}

TEST(TensorBatch, RefusesAnOutputWithoutARowForEachRow) {
  const std::vector<size_t> rows = {1, 2};
  for (const Shape& shape : {Shape{}, Shape{1}, Shape{4}}) {
    const std::vector<int32_t> values(static_cast<size_t>(element_count(shape).value()));
    const auto pieces = split_rows({ints("y", shape, values)}, rows);
    ASSERT_FALSE(pieces);
    EXPECT_THAT(pieces.error().message, HasSubstr("'y'"));
  }
}

TEST(TensorBatch, RefusesTextsThatAreFewerThanTheShapeSays) {
  const std::vector<size_t> rows = {1, 1};
  EXPECT_FALSE(split_rows({texts("t", {2, 2}, {"a", "b", "c"})}, rows));
}

}  // namespace
}  // namespace neso
