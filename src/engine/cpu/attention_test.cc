// SPDX-License-Identifier: Apache-2.0
#include "engine/cpu/attention.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "engine/cpu/test_bert.h"
#include "engine/cpu/weight_rows.h"
#include "simd/cpu.h"

namespace neso {
namespace {

using Floats = std::vector<float>;

// [tokens, 3 hidden] in the format of a shape, and what it holds.
struct TestQkv {
  Floats values;
  std::vector<Bf16> halves;
  Activations rows;

  TestQkv(size_t tokens, const AttentionShape& shape) : values(tokens * padded(3 * shape.hidden)) {
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] = static_cast<float>(mix_bits(static_cast<uint32_t>(i)) >> 8) / 4194304.0F - 2;
    }
    rows.ld = padded(3 * shape.hidden);
    if (shape.format == Format::F32) {
      rows.f32 = values.data();
      return;
    }
    for (float& value : values) {
      halves.push_back(to_bf16(value));
      value = std::bit_cast<float>(static_cast<uint32_t>(halves.back()) << 16U);
    }
    rows.bf16 = halves.data();
  }
};

// All heads of one sequence, in scratch memory that holds NaN.
Floats attend(Isa isa, const AttentionShape& shape, const TestQkv& qkv, size_t tokens,
              size_t longest) {
  Floats scratch(Attention::scratch_floats(shape, longest), NAN);
  Stopwatch stopwatch(nullptr);
  Attention attention(kernel_table(isa), shape, longest, scratch, stopwatch);
  Floats context(tokens * padded(shape.hidden), NAN);
  std::vector<Bf16> halves(context.size());
  Activations out{nullptr, nullptr, padded(shape.hidden)};
  if (shape.format == Format::F32) out.f32 = context.data();
  if (shape.format == Format::Bf16) out.bf16 = halves.data();
  for (size_t head = 0; head < shape.hidden / shape.head_size; ++head) {
    attention.select(qkv.rows, tokens, head);
    for (size_t first = 0; first < tokens; first += kQueryRows) {
      attention.attend(first, std::min(kQueryRows, tokens - first), out);
    }
  }
  for (size_t i = 0; i < halves.size() && out.bf16 != nullptr; ++i)
    context[i] = std::bit_cast<float>(static_cast<uint32_t>(halves[i]) << 16U);
  return context;
}

double exact(const AttentionShape& shape, const Floats& qkv, size_t tokens, size_t row,
             size_t column) {
  const size_t ld = padded(3 * shape.hidden);
  const size_t first = column / shape.head_size * shape.head_size;
  double sum = 0;
  double result = 0;
  for (size_t t = 0; t < tokens; ++t) {
    double score = 0;
    for (size_t i = 0; i < shape.head_size; ++i) {
      score += static_cast<double>(qkv[row * ld + first + i]) *
               static_cast<double>(qkv[t * ld + shape.hidden + first + i]);
    }
    const double weight = std::exp(score / std::sqrt(static_cast<double>(shape.head_size)));
    sum += weight;
    result += weight * static_cast<double>(qkv[t * ld + 2 * shape.hidden + column]);
  }
  return result / sum;
}

class AttentionOn : public testing::TestWithParam<Isa> {};

TEST_P(AttentionOn, AgreesWithDoublesForOddHeadsAndLengths) {
  for (const AttentionShape shape :
       {AttentionShape{36, 12, Format::F32}, AttentionShape{64, 64, Format::F32},
        AttentionShape{140, 70, Format::F32}, AttentionShape{36, 12, Format::Bf16},
        AttentionShape{64, 64, Format::Bf16}, AttentionShape{140, 70, Format::Bf16}}) {
    // Weights rounded to bf16 before they meet values up to 2, and the result rounded again.
    const double bound = shape.format == Format::F32 ? 5e-6 : 2 * 0x1p-8;
    for (const size_t tokens : {1, 2, 15, 16, 17, 47, 48, 49, 65, 700, 1024, 1025, 1300}) {
      const TestQkv qkv(tokens, shape);
      const Floats context = attend(GetParam(), shape, qkv, tokens, tokens);
      for (size_t row = 0; row < tokens; row += 1 + tokens / 9) {
        for (size_t column = 0; column < shape.hidden; ++column) {
          ASSERT_NEAR(context[row * padded(shape.hidden) + column],
                      exact(shape, qkv.values, tokens, row, column), bound)
              << "hidden " << shape.hidden << ", tokens " << tokens << ", row " << row
              << ", column " << column;
        }
      }
    }
  }
}

TEST_P(AttentionOn, BitsDoNotDependOnTheRoomForLongerSequences) {
  for (const Format format : {Format::F32, Format::Bf16}) {
    const AttentionShape shape{36, 12, format};
    for (const size_t tokens : {33, 1100}) {
      const TestQkv qkv(tokens, shape);
      const Floats tight = attend(GetParam(), shape, qkv, tokens, tokens);
      const Floats roomy = attend(GetParam(), shape, qkv, tokens, 1500);
      for (size_t row = 0; row < tokens; ++row)
        ASSERT_EQ(std::memcmp(&tight[row * 48], &roomy[row * 48], 36 * sizeof(float)), 0);
    }
  }
}

TEST(Attention, MemoryGrowsWithTheLengthNotItsSquare) {
  const AttentionShape shape{384, 32, Format::F32};
  EXPECT_LT(Attention::scratch_floats(shape, 8192), 17 * Attention::scratch_floats(shape, 512));
}

INSTANTIATE_TEST_SUITE_P(Isas, AttentionOn, testing::ValuesIn(supported_isas()),
                         [](const auto& info) { return std::string(to_string(info.param)); });

}  // namespace
}  // namespace neso
