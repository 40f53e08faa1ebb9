// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <string>
#include <vector>

#include "simd/cpu.h"
#include "simd/kernels.h"
#include "simd/test_operands.h"

namespace neso {
namespace {

class Rotations : public testing::TestWithParam<Isa> {};

TEST_P(Rotations, TurnTheHalvesOfEveryHeadAndNothingElse) {
  for (const size_t head_size : {2, 6, 16, 32, 48, 64}) {
    constexpr size_t kRows = 3;
    constexpr size_t kHeads = 3;
    const size_t half = head_size / 2;
    const size_t ld = padded(kHeads * head_size + 5);
    const Floats angles = random_floats(kRows * padded(half), 1);
    std::vector<Floats> tables(kRows, Floats(2 * padded(half)));
    std::vector<const float*> rows;
    for (size_t r = 0; r < kRows; ++r) {
      for (size_t i = 0; i < half; ++i) {
        tables[r][i] = std::cos(angles[r * padded(half) + i]);
        tables[r][padded(half) + i] = std::sin(angles[r * padded(half) + i]);
      }
      rows.push_back(tables[r].data());
    }
    for (const bool bf16 : {false, true}) {
      Floats before = random_floats(kRows * ld, 2);
      std::vector<Bf16> halves(before.size());
      for (size_t i = 0; i < before.size(); ++i) {
        halves[i] = static_cast<Bf16>(std::bit_cast<uint32_t>(before[i]) >> 16U);
        if (bf16) before[i] = std::bit_cast<float>(static_cast<uint32_t>(halves[i]) << 16U);
      }
      Floats after = before;
      Rotate rotate;
      rotate.x = bf16 ? nullptr : after.data();
      rotate.x_bf16 = bf16 ? halves.data() : nullptr;
      rotate.ld = ld;
      rotate.rows = kRows;
      rotate.heads = kHeads;
      rotate.head_size = head_size;
      rotate.angles = rows.data();
      kernel_table(GetParam()).rotate(rotate);
      for (size_t r = 0; r < kRows; ++r) {
        for (size_t c = 0; c < ld; ++c) {
          const size_t i = r * ld + c;
          const float now =
              bf16 ? std::bit_cast<float>(static_cast<uint32_t>(halves[i]) << 16U) : after[i];
          float truth = before[i];
          if (c < kHeads * head_size) {
            const size_t in_head = c % head_size;
            const float cosine = tables[r][in_head % half];
            const float sine = tables[r][padded(half) + in_head % half];
            truth = in_head < half ? before[i] * cosine - before[i + half] * sine
                                   : before[i] * cosine + before[i - half] * sine;
          }
          ASSERT_NEAR(now, truth, bf16 ? 1.5 * 0x1p-8 : 1e-6)
              << "head size " << head_size << ", column " << c;
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Isas, Rotations, testing::ValuesIn(supported_isas()),
                         [](const auto& info) { return std::string(to_string(info.param)); });

}  // namespace
}  // namespace neso
