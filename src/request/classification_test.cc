// SPDX-License-Identifier: Apache-2.0
#include "request/classification.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <limits>

#include "base/temporary_folder.h"

namespace neso {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

template <typename T>
Tensor scores(DType dtype, Shape shape, std::vector<T> values) {
  return Tensor::from<T>(dtype, std::move(shape), std::span<const T>(values));
}

std::vector<std::string> texts(const Tensor& tensor) {
  const auto elements = bytes_elements(tensor.bytes()).value();
  return {elements.begin(), elements.end()};
}

TEST(Classification, TheLargestValuesOfEachRowWithTheirLabels) {
  const Tensor input = scores<float>(DType::Fp32, {2, 3}, {0.5F, -1, 2, 7, 8, 0});
  const std::vector<std::string> labels = {"cat", "dog"};
  const Tensor top = classify(input, 2, true, labels).value();
  EXPECT_EQ(top.dtype(), DType::Bytes);
  EXPECT_EQ(top.shape(), (Shape{2, 2}));
  EXPECT_THAT(texts(top),
              ElementsAre("2.000000:2", "0.500000:0:cat", "8.000000:1:dog", "7.000000:0:cat"));
}

TEST(Classification, AModelThatDoesNotBatchHasOneRow) {
  const Tensor top =
      classify(scores<int32_t>(DType::Int32, {2, 2}, {1, -4, 3, 2}), 3, false, {}).value();
  EXPECT_EQ(top.shape(), (Shape{3}));
  EXPECT_THAT(texts(top), ElementsAre("3:2", "2:3", "1:0"));
}

TEST(Classification, MoreThanThereAreGivesAll) {
  const Tensor top =
      classify(scores<uint8_t>(DType::Uint8, {1, 2}, {200, 250}), UINT64_MAX, true, {}).value();
  EXPECT_EQ(top.shape(), (Shape{1, 2}));
  EXPECT_THAT(texts(top), ElementsAre("250:1", "200:0"));
}

TEST(Classification, EqualValuesKeepTheirOrderAndNanComesLast) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Tensor top =
      classify(scores<double>(DType::Fp64, {1, 4}, {1, nan, 1, 2}), 4, true, {}).value();
  EXPECT_THAT(texts(top), ElementsAre("2.000000:3", "1.000000:0", "1.000000:2", "nan:1"));
}

TEST(Classification, AnEmptyTensorHasNoClasses) {
  const Tensor none = classify(scores<float>(DType::Fp32, {0, 3}, {}), 2, true, {}).value();
  EXPECT_EQ(none.shape(), (Shape{0, 0}));
  EXPECT_TRUE(none.bytes().empty());
}

TEST(Classification, TypesWithoutAnOrderAreRefused) {
  for (const DType dtype : {DType::Bool, DType::Fp16, DType::Bf16, DType::Bytes}) {
    const auto refused = classify(Tensor(dtype, {1, 0}, {}), 1, true, {});
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, HasSubstr("unsupported type '"));
  }
}

TEST(Classification, LabelsAreTheLinesOfTheFile) {
  const TemporaryFolder folder;
  std::ofstream(folder.path() / "labels.txt") << "cat\ndog\r\n\nfish";
  ModelConfig config;
  config.outputs = {{.name = "plain"}, {.name = "scores", .label_filename = "labels.txt"}};
  const Labels labels = read_labels(config, folder.path()).value();
  EXPECT_EQ(labels.size(), 1U);
  EXPECT_THAT(labels.at("scores"), ElementsAre("cat", "dog\r", "", "fish"));
}

TEST(Classification, AMissingLabelFileNamesItself) {
  const TemporaryFolder folder;
  ModelConfig config;
  config.outputs = {{.name = "scores", .label_filename = "none.txt"}};
  const auto labels = read_labels(config, folder.path());
  ASSERT_FALSE(labels);
  EXPECT_THAT(labels.error().message, HasSubstr("failed to open text file for read "));
  EXPECT_THAT(labels.error().message, HasSubstr("none.txt"));
}

}  // namespace
}  // namespace neso
