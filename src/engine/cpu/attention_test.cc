// SPDX-License-Identifier: Apache-2.0
#include "engine/cpu/attention.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "engine/cpu/test_bert.h"
#include "simd/cpu.h"

namespace neso {
namespace {

using Floats = std::vector<float>;

Floats random_qkv(size_t tokens, size_t hidden) {
  Floats qkv(tokens * padded(3 * hidden));
  for (size_t i = 0; i < qkv.size(); ++i) {
    qkv[i] = static_cast<float>(mix_bits(static_cast<uint32_t>(i)) >> 8) / 4194304.0F - 2;
  }
  return qkv;
}

// All heads of one sequence, in scratch memory that holds NaN.
Floats attend(Isa isa, const AttentionShape& shape, const Floats& qkv, size_t tokens,
              size_t longest) {
  Floats scratch(Attention::scratch_floats(shape, longest), NAN);
  Attention attention(kernel_table(isa), shape, longest, scratch);
  Floats context(tokens * padded(shape.hidden), NAN);
  for (size_t head = 0; head < shape.hidden / shape.head_size; ++head) {
    attention.select(qkv.data(), padded(3 * shape.hidden), tokens, head);
    for (size_t first = 0; first < tokens; first += kQueryRows) {
      attention.attend(first, std::min(kQueryRows, tokens - first), context.data(),
                       padded(shape.hidden));
    }
  }
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
       {AttentionShape{36, 12}, AttentionShape{64, 64}, AttentionShape{140, 70}}) {
    for (const size_t tokens : {1, 2, 15, 16, 17, 47, 48, 49, 65, 700}) {
      const Floats qkv = random_qkv(tokens, shape.hidden);
      const Floats context = attend(GetParam(), shape, qkv, tokens, tokens);
      for (size_t row = 0; row < tokens; row += 1 + tokens / 9) {
        for (size_t column = 0; column < shape.hidden; ++column) {
          ASSERT_NEAR(context[row * padded(shape.hidden) + column],
                      exact(shape, qkv, tokens, row, column), 5e-6)
              << "hidden " << shape.hidden << ", tokens " << tokens << ", row " << row
              << ", column " << column;
        }
      }
    }
  }
}

TEST_P(AttentionOn, BitsDoNotDependOnTheRoomForLongerSequences) {
  const AttentionShape shape{36, 12};
  const Floats qkv = random_qkv(33, 36);
  const Floats tight = attend(GetParam(), shape, qkv, 33, 33);
  const Floats roomy = attend(GetParam(), shape, qkv, 33, 512);
  for (size_t row = 0; row < 33; ++row) {
    EXPECT_EQ(std::memcmp(&tight[row * 48], &roomy[row * 48], 36 * sizeof(float)), 0);
  }
}

TEST(Attention, MemoryGrowsWithTheLengthNotItsSquare) {
  const AttentionShape shape{384, 32};
  EXPECT_LT(Attention::scratch_floats(shape, 8192), 17 * Attention::scratch_floats(shape, 512));
}

INSTANTIATE_TEST_SUITE_P(Isas, AttentionOn, testing::ValuesIn(supported_isas()),
                         [](const auto& info) { return std::string(to_string(info.param)); });

}  // namespace
}  // namespace neso
