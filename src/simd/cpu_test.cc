// SPDX-License-Identifier: Apache-2.0
#include "simd/cpu.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "simd/amx_support.h"

namespace neso {
namespace {

using testing::HasSubstr;

const std::vector<Isa> kWithAmx = {Isa::Generic, Isa::Avx512Bf16, Isa::Avx512Amx};

TEST(ChoosingAnInstructionSet, TakesTheBestOrTheOneNamed) {
  EXPECT_EQ(*choose_isa("", kWithAmx, {}), Isa::Avx512Amx);
  EXPECT_EQ(*choose_isa("generic", kWithAmx, {}), Isa::Generic);
  EXPECT_EQ(*choose_isa("avx512_amx", kWithAmx, {}), Isa::Avx512Amx);
  const auto unknown = choose_isa("mmx", kWithAmx, {});
  ASSERT_FALSE(unknown.has_value());
  EXPECT_THAT(unknown.error().message, HasSubstr("choose from generic, avx512_bf16, avx512_amx"));
}

TEST(ChoosingAnInstructionSet, LeavesOutAmxThatFailsItsProof) {
  const Result<> wrong = internal_error("its int8 product gives 1");
  EXPECT_EQ(*choose_isa("", kWithAmx, wrong), Isa::Avx512Bf16);
  const auto named = choose_isa("avx512_amx", kWithAmx, wrong);
  ASSERT_FALSE(named.has_value());
  EXPECT_THAT(named.error().message, HasSubstr("its int8 product gives 1; choose from generic, "));
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
