// SPDX-License-Identifier: Apache-2.0
#include "engine/cpu/machine_peak.h"

#include <gtest/gtest.h>

#include "engine/cpu/test_bert.h"
#include "simd/cpu.h"

namespace neso {
namespace {

// 21.2 MFLOP a token in linear layers and 1.2 in attention at 128 tokens.
TEST(MachinePeak, RoofIsTheTimeOfTheProductsAlone) {
  const MachinePeak peak{1e9, 2e9, 4e9, 0};
  const double linear = 128 * 2 * 6 * (4.0 * 384 * 384 + 2.0 * 384 * 1536);
  const double attention = 4.0 * 6 * 384 * 128 * 128;
  EXPECT_NEAR(linear / 128 * 1e-6, 21.2, 0.1);
  EXPECT_NEAR(attention / 128 * 1e-6, 1.2, 0.1);
  EXPECT_DOUBLE_EQ(roof_seconds(peak, minilm_sizes(), Precision::Fp32, 128),
                   (linear + attention) / 1e9);
  EXPECT_DOUBLE_EQ(roof_seconds(peak, minilm_sizes(), Precision::Bf16, 128),
                   (linear + attention) / 2e9);
  EXPECT_DOUBLE_EQ(roof_seconds(peak, minilm_sizes(), Precision::Int8, 128),
                   linear / 4e9 + attention / 2e9);
}

TEST(MachinePeak, MeasuresSomethingOnEveryInstructionSet) {
  for (const Isa isa : supported_isas()) {
    const auto peak = measure_peak(isa, 2, system_clock());
    ASSERT_TRUE(peak.has_value());
    EXPECT_GT(peak->fp32_flops, 0);
    EXPECT_GT(peak->bf16_flops, 0);
    EXPECT_GT(peak->int8_ops, 0);
    EXPECT_GT(peak->read_bytes, 0);
  }
}

}  // namespace
}  // namespace neso
