// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "simd/cpu.h"
#include "simd/kernels.h"
#include "simd/test_operands.h"

namespace neso {
namespace {

class Conversions : public testing::TestWithParam<Isa> {
 protected:
  const KernelTable& kernels() const { return kernel_table(GetParam()); }

  // One row; the caller says where it goes.
  static Convert one_row(const Floats& row, size_t n) {
    Convert convert;
    convert.in = row.data();
    convert.rows = 1;
    convert.n = n;
    convert.ldi = convert.ldo = padded(n);
    return convert;
  }

  std::vector<Bf16> to_bf16(const Floats& row, size_t n) {
    std::vector<Bf16> out(padded(n));
    Convert convert = one_row(row, n);
    convert.out_bf16 = out.data();
    kernels().convert(convert);
    return out;
  }

  RowScale quantize(const Floats& row, size_t n, std::vector<uint8_t>& out) {
    out.assign(padded(n), 0);
    RowScale scale;
    Convert convert = one_row(row, n);
    convert.out_int8 = out.data();
    convert.scales = &scale;
    kernels().convert(convert);
    return scale;
  }
};

TEST_P(Conversions, Bf16IsTheNearestWithTiesToEven) {
  const auto bits = [](uint32_t value) { return std::bit_cast<float>(value); };
  const Floats row = {1.0F,
                      bits(0x3F808000),  // a tie, down to even
                      bits(0x3F818000),  // a tie, up to even
                      bits(0x3F808001),
                      bits(0x3F807FFF),
                      -0.0F,
                      bits(0x7F7FFFFF),
                      std::numeric_limits<float>::infinity(),
                      NAN,
                      bits(0x7F800001)};
  Floats whole(16, 0.0F);
  std::ranges::copy(row, whole.begin());
  const std::vector<Bf16> out = to_bf16(whole, 10);
  const std::vector<Bf16> expected = {0x3F80, 0x3F80, 0x3F82, 0x3F81,
                                      0x3F80, 0x8000, 0x7F80, 0x7F80};
  EXPECT_TRUE(std::equal(expected.begin(), expected.end(), out.begin()));
  for (const size_t i : {8, 9})
    EXPECT_TRUE(std::isnan(std::bit_cast<float>(static_cast<uint32_t>(out[i]) << 16U)));
}

TEST_P(Conversions, BytesAreWithinHalfAStepAndZeroIsExact) {
  for (const size_t n : {1, 2, 15, 16, 17, 100, 384}) {
    for (const float offset : {0.0F, 0.7F, -0.7F, 5.0F, -5.0F}) {
      Floats row = random_floats(padded(n), 9);
      for (float& value : row) value += offset;
      for (size_t c = n; c < row.size(); ++c) row[c] = 1e9F;  // padding counts for nothing
      std::vector<uint8_t> out;
      const RowScale scale = quantize(row, n, out);
      ASSERT_GE(scale.zero, 0);
      ASSERT_LE(scale.zero, 255);
      for (size_t c = 0; c < n; ++c) {
        const float back = scale.scale * static_cast<float>(out[c] - scale.zero);
        // Half a step, and half a step more at the ends, where the zero's own rounding shows.
        ASSERT_NEAR(back, row[c], scale.scale * 1.001F) << "n " << n << ", offset " << offset;
      }
    }
  }
}

TEST_P(Conversions, EveryInstructionSetGivesTheBytesOfTheGenericOne) {
  const KernelTable& generic = kernel_table(Isa::Generic);
  for (uint32_t seed = 0; seed < 50; ++seed) {
    const size_t n = 1 + seed * 7;
    Floats row = random_floats(padded(n), seed);
    std::vector<uint8_t> ours(padded(n));
    std::vector<uint8_t> theirs(padded(n));
    RowScale scales[2];
    Convert convert = one_row(row, n);
    convert.out_int8 = ours.data();
    convert.scales = &scales[0];
    kernels().convert(convert);
    convert.out_int8 = theirs.data();
    convert.scales = &scales[1];
    generic.convert(convert);
    EXPECT_EQ(scales[0].scale, scales[1].scale);
    EXPECT_EQ(scales[0].zero, scales[1].zero);
    for (size_t c = 0; c < n; ++c) ASSERT_LE(std::abs(ours[c] - theirs[c]), 1);
  }
}

TEST_P(Conversions, RowOfZerosIsZeros) {
  std::vector<uint8_t> out;
  const RowScale scale = quantize(Floats(32, 0.0F), 20, out);
  EXPECT_EQ(scale.scale, 1.0F);
  for (size_t c = 0; c < 20; ++c) EXPECT_EQ(static_cast<int32_t>(out[c]), scale.zero);
}

TEST_P(Conversions, RowThatIsNotFiniteGetsAScaleThatIsNotANumber) {
  for (const float bad :
       {NAN, std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()}) {
    for (const size_t place : {0, 7, 19}) {
      Floats row = random_floats(32, 3);
      row[place] = bad;
      std::vector<uint8_t> out;
      EXPECT_TRUE(std::isnan(quantize(row, 20, out).scale)) << bad << " at " << place;
    }
  }
}

TEST_P(Conversions, Bf16RowsQuantizeAsTheirValues) {
  const Floats row = random_floats(64, 4);
  const std::vector<Bf16> halves = to_bf16(row, 64);
  Floats widened;
  for (const Bf16 half : halves)
    widened.push_back(std::bit_cast<float>(static_cast<uint32_t>(half) << 16U));
  std::vector<uint8_t> expected;
  const RowScale expected_scale = quantize(widened, 60, expected);
  std::vector<uint8_t> out(64);
  RowScale scale;
  Convert convert;
  convert.in_bf16 = halves.data();
  convert.ldi = 64;
  convert.rows = 1;
  convert.n = 60;
  convert.out_int8 = out.data();
  convert.ldo = 64;
  convert.scales = &scale;
  kernels().convert(convert);
  EXPECT_EQ(scale.scale, expected_scale.scale);
  EXPECT_TRUE(std::equal(out.begin(), out.begin() + 60, expected.begin()));
}

INSTANTIATE_TEST_SUITE_P(Isas, Conversions, testing::ValuesIn(supported_isas()),
                         [](const auto& info) { return std::string(to_string(info.param)); });

}  // namespace
}  // namespace neso
