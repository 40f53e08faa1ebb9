// SPDX-License-Identifier: Apache-2.0
// Every 16-bit pattern is compared with a computation from the formats' definitions.
#include "tensor/half.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <random>

namespace neso {
namespace {

constexpr uint32_t kPatterns = 65536;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// The value of sign, `exponent_bits` of exponent and the rest mantissa, by definition.
double reference(uint32_t bits, int exponent_bits) {
  const int mantissa_bits = 15 - exponent_bits;
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const int exponent = static_cast<int>(bits >> mantissa_bits) & ((1 << exponent_bits) - 1);
  const int mantissa = static_cast<int>(bits) & ((1 << mantissa_bits) - 1);
  const double sign = (bits & 0x8000u) != 0 ? -1 : 1;
  if (exponent == (1 << exponent_bits) - 1) {
    return mantissa != 0 ? std::nan("") : sign * std::numeric_limits<double>::infinity();
  }
  if (exponent == 0) return sign * std::ldexp(mantissa, 1 - bias - mantissa_bits);
  return sign * std::ldexp(mantissa + (1 << mantissa_bits), exponent - bias - mantissa_bits);
}

void expect_widens(float (*widen)(uint16_t), int exponent_bits) {
  for (uint32_t bits = 0; bits < kPatterns; ++bits) {
    const float got = widen(static_cast<uint16_t>(bits));
    const double want = reference(bits, exponent_bits);
    if (std::isnan(want)) {
      ASSERT_TRUE(std::isnan(got)) << bits;
    } else {
      ASSERT_EQ(static_cast<double>(got), want) << bits;
    }
    ASSERT_EQ(std::signbit(got), (bits & 0x8000u) != 0) << bits;
  }
}

void expect_narrowing_restores(float (*widen)(uint16_t), uint16_t (*narrow)(float)) {
  for (uint32_t bits = 0; bits < kPatterns; ++bits) {
    const auto pattern = static_cast<uint16_t>(bits);
    const float value = widen(pattern);
    if (std::isnan(value)) {
      ASSERT_TRUE(std::isnan(widen(narrow(value)))) << bits;
    } else {
      ASSERT_EQ(narrow(value), pattern) << bits;
    }
  }
}

// Around each boundary between two neighbouring values: below, at (to the even pattern) and above
// it.
void expect_rounds_to_nearest_even(uint16_t (*narrow)(float), int exponent_bits) {
  const uint32_t infinity = ((1u << exponent_bits) - 1) << (15 - exponent_bits);
  for (uint32_t bits = 0; bits + 1 < infinity; ++bits) {
    const auto middle = static_cast<float>(
        (reference(bits, exponent_bits) + reference(bits + 1, exponent_bits)) / 2);
    const uint32_t even = bits % 2 == 0 ? bits : bits + 1;
    for (const uint32_t sign : {0u, 0x8000u}) {
      const float factor = sign != 0 ? -1.0F : 1.0F;
      ASSERT_EQ(narrow(factor * std::nextafter(middle, 0.0F)), sign | bits);
      ASSERT_EQ(narrow(factor * middle), sign | even);
      ASSERT_EQ(narrow(factor * std::nextafter(middle, kInfinity)), sign | (bits + 1));
    }
  }
}

TEST(Fp16, WidensEveryPattern) {
  expect_widens(fp16_to_fp32, 5);
}
TEST(Fp16, NarrowingRestoresEveryPattern) {
  expect_narrowing_restores(fp16_to_fp32, fp32_to_fp16);
}
TEST(Fp16, RoundsToNearestEvenAtEveryBoundary) {
  expect_rounds_to_nearest_even(fp32_to_fp16, 5);
}
TEST(Bf16, WidensEveryPattern) {
  expect_widens(bf16_to_fp32, 8);
}
TEST(Bf16, NarrowingRestoresEveryPattern) {
  expect_narrowing_restores(bf16_to_fp32, fp32_to_bf16);
}
TEST(Bf16, RoundsToNearestEvenAtEveryBoundary) {
  expect_rounds_to_nearest_even(fp32_to_bf16, 8);
}

TEST(Fp16, OverflowsToInfinityFromTheRoundingBoundaryOn) {
  EXPECT_EQ(fp32_to_fp16(65504.0F), 0x7bff);
  EXPECT_EQ(fp32_to_fp16(std::nextafter(65520.0F, 0.0F)), 0x7bff);
  EXPECT_EQ(fp32_to_fp16(65520.0F), 0x7c00);
  EXPECT_EQ(fp32_to_fp16(-1e30F), 0xfc00);
  EXPECT_EQ(fp32_to_fp16(-kInfinity), 0xfc00);
}

TEST(Bf16, OverflowsToInfinityFromTheRoundingBoundaryOn) {
  EXPECT_EQ(fp32_to_bf16(std::numeric_limits<float>::max()), 0x7f80);
  EXPECT_EQ(fp32_to_bf16(std::bit_cast<float>(0x7f7f'7fffu)), 0x7f7f);
  EXPECT_EQ(fp32_to_bf16(-kInfinity), 0xff80);
}

TEST(Half, NanStaysNanWhateverItsPayload) {
  for (const uint32_t bits :
       {0x7f80'0001u, 0x7fbf'ffffu, 0x7fc0'0000u, 0x7fff'ffffu, 0xff80'0001u, 0xffff'ffffu}) {
    const float nan = std::bit_cast<float>(bits);
    EXPECT_TRUE(std::isnan(fp16_to_fp32(fp32_to_fp16(nan)))) << std::hex << bits;
    EXPECT_TRUE(std::isnan(bf16_to_fp32(fp32_to_bf16(nan)))) << std::hex << bits;
    EXPECT_EQ(std::signbit(fp16_to_fp32(fp32_to_fp16(nan))), (bits >> 31) != 0);
  }
}

TEST(Half, RandomFloatsAreNeverFartherThanHalfAStep) {
  std::mt19937 random(9);
  for (int i = 0; i < 100'000; ++i) {
    const float value = std::bit_cast<float>(static_cast<uint32_t>(random()));
    if (!(std::abs(value) < 65504.0F)) continue;
    const double step = std::ldexp(1.0, std::max(std::ilogb(value), -14) - 10);
    ASSERT_LE(std::abs(static_cast<double>(fp16_to_fp32(fp32_to_fp16(value))) - value), step / 2)
        << value;
  }
}

}  // namespace
}  // namespace neso
