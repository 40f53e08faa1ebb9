// SPDX-License-Identifier: Apache-2.0
#include "tensor/tensor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

namespace neso {
namespace {

using ::testing::ElementsAre;

std::span<const std::byte> as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

TEST(Tensor, HoldsTypeShapeAndValues) {
  const Tensor tensor =
      Tensor::from<int64_t>(DType::Int64, {2, 2}, std::array<int64_t, 4>{1, 2, 3, -4});
  EXPECT_EQ(tensor.dtype(), DType::Int64);
  EXPECT_EQ(tensor.shape(), (Shape{2, 2}));
  EXPECT_EQ(tensor.bytes().size(), 32u);
  EXPECT_THAT(tensor.as<int64_t>(), ElementsAre(1, 2, 3, -4));
}

TEST(Tensor, CopiesShareTheBytesAndOutliveTheOriginal) {
  Tensor copy;
  const std::byte* data = nullptr;
  {
    const Tensor original = Tensor::from<float>(DType::Fp32, {2}, std::array{1.5F, 2.5F});
    data = original.bytes().data();
    copy = original;
  }
  EXPECT_EQ(copy.bytes().data(), data);
  EXPECT_THAT(copy.as<float>(), ElementsAre(1.5F, 2.5F));
}

TEST(Tensor, AViewKeepsItsOwnerAlive) {
  auto owner = std::make_shared<const std::vector<float>>(std::vector<float>{1, 2, 3});
  const std::weak_ptr<const std::vector<float>> watch = owner;
  {
    const Tensor view(DType::Fp32, {2}, std::as_bytes(std::span(*owner).subspan(1)), owner);
    owner.reset();
    EXPECT_FALSE(watch.expired());
    EXPECT_THAT(view.as<float>(), ElementsAre(2, 3));
  }
  EXPECT_TRUE(watch.expired());
}

TEST(Tensor, MayBeEmpty) {
  const Tensor empty = Tensor::from<float>(DType::Fp32, {0, 384}, std::span<const float>{});
  EXPECT_TRUE(empty.bytes().empty());
  EXPECT_TRUE(empty.as<float>().empty());
  EXPECT_TRUE(Tensor().bytes().empty());
}

TEST(Tensor, ReadingItAsAnotherSizeOrMisalignedIsABug) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const Tensor tensor = Tensor::from<float>(DType::Fp32, {2}, std::array{1.0F, 2.0F});
  EXPECT_DEATH((void)tensor.as<double>(), "sizeof\\(T\\) == element_size");
  const Tensor misaligned(DType::Fp32, {1}, tensor.bytes().subspan(1, 4), nullptr);
  EXPECT_DEATH((void)misaligned.as<float>(), "alignof\\(T\\) == 0");
}

TEST(BytesTensor, IsTritonsWireForm) {
  const std::array<std::string, 3> texts = {"ab", "", std::string("\0x", 2)};
  const Tensor tensor = Tensor::from_strings({3}, texts);
  EXPECT_EQ(tensor.dtype(), DType::Bytes);
  const std::string_view wire("\2\0\0\0ab\0\0\0\0\2\0\0\0\0x", 16);
  EXPECT_TRUE(std::ranges::equal(tensor.bytes(), as_bytes(wire)));
  EXPECT_THAT(bytes_elements(tensor.bytes()).value(), ElementsAre("ab", "", texts[2]));
}

TEST(BytesTensor, NoElementsAreNoBytes) {
  EXPECT_TRUE(Tensor::from_strings({0}, {}).bytes().empty());
  EXPECT_TRUE(bytes_elements({}).value().empty());
}

TEST(BytesTensor, ACutLengthIsAnErrorWithItsSize) {
  const std::string_view wire("\1\0\0\0a\1\0\0", 8);
  const auto elements = bytes_elements(as_bytes(wire));
  ASSERT_FALSE(elements);
  EXPECT_EQ(elements.error().code, ErrorCode::InvalidArgument);
  EXPECT_EQ(elements.error().message,
            "incomplete string length indicator, expecting 4 bytes but only 3 bytes available");
}

TEST(BytesTensor, ACutElementIsAnErrorWithItsSizes) {
  const auto cut = bytes_elements(as_bytes(std::string_view("\5\0\0\0abcd", 8)));
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().message,
            "incomplete string data, expecting string of length 5 but only 4 bytes available");
  const auto huge = bytes_elements(as_bytes(std::string_view("\xff\xff\xff\xff", 4)));
  ASSERT_FALSE(huge);
  EXPECT_EQ(
      huge.error().message,
      "incomplete string data, expecting string of length 4294967295 but only 0 bytes available");
}

}  // namespace
}  // namespace neso
