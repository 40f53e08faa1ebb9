// SPDX-License-Identifier: Apache-2.0
#include "simd/cpu.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "simd/amx_support.h"

namespace neso {
namespace {

using testing::HasSubstr;

const CpuFacts kWithAmx = {{Isa::Generic, Isa::Avx512Bf16, Isa::Avx512Amx}, {}, true};

TEST(ChoosingAnInstructionSet, TakesTheBestOrTheOneNamed) {
  EXPECT_EQ(*choose_isa("", kWithAmx), Isa::Avx512Amx);
  EXPECT_EQ(*choose_isa("generic", kWithAmx), Isa::Generic);
  EXPECT_EQ(*choose_isa("avx512_amx", kWithAmx), Isa::Avx512Amx);
  const auto unknown = choose_isa("mmx", kWithAmx);
  ASSERT_FALSE(unknown.has_value());
  EXPECT_THAT(unknown.error().message, HasSubstr("choose from generic, avx512_bf16, avx512_amx"));
}

TEST(ChoosingAnInstructionSet, LeavesOutAmxThatFailsItsProof) {
  const CpuFacts wrong = {kWithAmx.isas, internal_error("its int8 product gives 1"), false};
  EXPECT_EQ(*choose_isa("", wrong), Isa::Avx512Bf16);
  const auto named = choose_isa("avx512_amx", wrong);
  ASSERT_FALSE(named.has_value());
  EXPECT_THAT(named.error().message, HasSubstr("its int8 product gives 1; choose from generic, "));
}

TEST(ChoosingAnInstructionSet, TakesSlowProductsOfBf16OnlyWhenNamed) {
  const CpuFacts intel = {{Isa::Generic, Isa::Avx512Vnni, Isa::Avx512Bf16}, {}, true};
  EXPECT_EQ(*choose_isa("", intel), Isa::Avx512Vnni);
  EXPECT_EQ(*choose_isa("avx512_bf16", intel), Isa::Avx512Bf16);
}

TEST(ChoosingAnInstructionSet, SaysWhyThereIsNoAmx) {
  if (amx_support()) GTEST_SKIP() << "this CPU has AMX";
  const auto amx = choose_isa("avx512_amx");
  ASSERT_FALSE(amx.has_value());
  EXPECT_THAT(amx.error().message, HasSubstr(amx_support().error().message));
  EXPECT_THAT(amx.error().message, HasSubstr("choose from generic"));
}

}  // namespace
}  // namespace neso
