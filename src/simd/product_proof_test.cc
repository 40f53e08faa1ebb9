// SPDX-License-Identifier: Apache-2.0
#include "simd/product_proof.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "simd/amx_emulator.h"
#include "simd/cpu.h"
#include "simd/kernels.h"

namespace neso {
namespace {

using testing::HasSubstr;

const KernelTable& generic() {
  return kernel_table(Isa::Generic);
}

// Generic kernels with a product that does something else at its end.
template <void (*spoil)(const Product&)>
KernelTable spoilt() {
  KernelTable kernels = generic();
  kernels.product = [](const Product& p) {
    generic().product(p);
    spoil(p);
  };
  return kernels;
}

void off_by_one_ulp(const Product& p) {
  if (p.b.format == Format::Int8) p.out[3] = std::nextafter(p.out[3], 1e9F);
}
void without_a_product(const Product& p) {
  if (p.b.format == Format::Bf16) p.out[(p.rows - 1) * p.ldo + p.b.n - 1] += 0.01F;
}
void not_a_number(const Product& p) {
  if (p.b.format == Format::Bf16) p.out[0] = NAN;
}
void by_number_of_rows(const Product& p) {
  if (p.b.format == Format::Bf16 && p.rows < 16) p.out[0] = std::nextafter(p.out[0], 1e9F);
}

TEST(ProductProof, HoldsForEveryInstructionSet) {
  for (const Isa isa : isas_with_emulated_amx()) {
    const KernelTable& kernels = kernel_table(isa);
    if (kernels.panel_width != kernel_table(supported_isas().back()).panel_width) continue;
    const auto proof = prove_products(kernels, kernel_table(supported_isas().back()));
    EXPECT_TRUE(proof.has_value()) << to_string(isa) << ": " << proof.error().message;
  }
}

TEST(ProductProof, FailsForWrongProductsAndSaysWhere) {
  const auto failure = [](const KernelTable& kernels) {
    const auto proof = prove_products(kernels, generic());
    return proof ? "" : proof.error().message;
  };
  EXPECT_EQ(failure(generic()), "");
  EXPECT_THAT(failure(spoilt<off_by_one_ulp>()), HasSubstr("int8 product gives"));
  EXPECT_THAT(failure(spoilt<off_by_one_ulp>()), HasSubstr("row 0, column 3"));
  EXPECT_THAT(failure(spoilt<without_a_product>()), HasSubstr("bf16 product gives"));
  EXPECT_THAT(failure(spoilt<not_a_number>()), HasSubstr("bf16 product gives nan"));
  EXPECT_THAT(failure(spoilt<by_number_of_rows>()), HasSubstr("other bits"));
}

}  // namespace
}  // namespace neso
