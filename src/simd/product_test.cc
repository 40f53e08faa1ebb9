// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <string>
#include <tuple>

#include "simd/amx_emulator.h"
#include "simd/cpu.h"
#include "simd/kernels.h"
#include "simd/panels.h"
#include "simd/test_operands.h"

namespace neso {
namespace {

float widen(Bf16 value) {
  return std::bit_cast<float>(static_cast<uint32_t>(value) << 16U);
}

class Products : public testing::TestWithParam<std::tuple<Isa, Format>> {
 protected:
  const KernelTable& kernels() const { return kernel_table(std::get<0>(GetParam())); }
  Format format() const { return std::get<1>(GetParam()); }
};

TEST_P(Products, AreThoseOfDoublesForOddSizes) {
  for (const size_t rows : {1, 2, 5, 6, 7, 11, 12, 13, 25}) {
    for (const size_t k : {1, 2, 3, 5, 36, 511, 513, 2050}) {
      for (const size_t n : {1, 8, 15, 16, 17, 33, 48, 63, 64, 65, 130}) {
        TestProduct test(kernels(), format(), rows, k, n);
        kernels().product(test.product());
        for (size_t r = 0; r < rows; ++r) {
          for (size_t c = 0; c < n; c += c + 1 < n ? std::max<size_t>(1, n / 7) : 1) {
            const double truth = test.expected(r, c);
            ASSERT_NEAR(test.out[r * padded(n) + c], truth, test.tolerance(truth))
                << rows << " x " << k << " x " << n << " at " << r << ", " << c;
          }
        }
      }
    }
  }
}

TEST_P(Products, AddTheResidualAfterEpilogueAndRowFactor) {
  for (const size_t k : {70, 2600}) {
    TestProduct test(kernels(), format(), 7, k, 70);
    Product product = test.product();
    product.epilogue = Epilogue::Relu;
    product.row_factors = test.factors.data();
    product.residual = test.residual.data();
    kernels().product(product);
    for (size_t r = 0; r < 7; ++r) {
      for (size_t c = 0; c < 70; ++c) {
        const double sum = test.expected(r, c);
        const double truth = std::max(sum, 0.0) * static_cast<double>(test.factors[r]) +
                             static_cast<double>(test.residual[r * padded(70) + c]);
        ASSERT_NEAR(test.out[r * padded(70) + c], truth, test.tolerance(sum));
      }
    }
  }
}

// Tiles of rows may overlap; each row is finished once all the same.
TEST_P(Products, MayAddWhatStandsInTheOutput) {
  for (const size_t rows : {1, 15, 17, 32, 33, 35, 49}) {
    TestProduct test(kernels(), format(), rows, 70, 100);
    Product product = test.product();
    product.residual = test.residual.data();
    kernels().product(product);
    const Floats apart = test.out;
    test.out = test.residual;
    product.residual = test.out.data();
    kernels().product(product);
    for (size_t r = 0; r < rows; ++r) {
      const size_t at = r * padded(100);
      ASSERT_EQ(std::memcmp(&test.out[at], &apart[at], 100 * sizeof(float)), 0)
          << "row " << r << " of " << rows;
    }
  }
}

TEST_P(Products, WithoutABiasStartAtZero) {
  TestProduct test(kernels(), format(), 7, 70, 130);
  Product product = test.product();
  product.bias = nullptr;
  kernels().product(product);
  for (size_t r = 0; r < 7; ++r) {
    for (size_t c = 0; c < 130; ++c) {
      const double sum = test.expected(r, c);
      ASSERT_NEAR(test.out[r * padded(130) + c], sum - static_cast<double>(test.bias[c]),
                  test.tolerance(sum));
    }
  }
}

TEST_P(Products, GoIntoBf16RoundedToNearest) {
  TestProduct test(kernels(), format(), 13, 200, 70);
  Product product = test.product();
  kernels().product(product);
  std::vector<Bf16> rounded(13 * padded(70));
  product.out = nullptr;
  product.out_bf16 = rounded.data();
  kernels().product(product);
  for (size_t r = 0; r < 13; ++r) {
    for (size_t c = 0; c < 70; ++c) {
      const float exact = test.out[r * padded(70) + c];
      ASSERT_NEAR(widen(rounded[r * padded(70) + c]), exact, std::abs(exact) * 0x1.01p-8F);
    }
  }
}

TEST_P(Products, GatedMultiplyValuesByActivatedGates) {
  const size_t width = kernels().panel_width;
  const size_t n = 3 * width;
  TestProduct test(kernels(), format(), 7, 50, n);
  Product product = test.product();
  kernels().product(product);
  Floats gated(7 * padded(n), NAN);
  product.epilogue = Epilogue::Relu;
  product.gated = true;
  product.out = gated.data();
  kernels().product(product);
  for (size_t r = 0; r < 7; ++r) {
    for (size_t c = 0; c < n / 2; ++c) {
      const size_t value = c / (width / 2) * width + c % (width / 2);
      const float* row = &test.out[r * padded(n)];
      ASSERT_FLOAT_EQ(gated[r * padded(n) + c],
                      row[value] * std::max(row[value + width / 2], 0.0F));
    }
  }
}

// The rule that everything else rests on.
TEST_P(Products, RowHasTheSameBitsHoweverManyRowsThereAre) {
  for (const size_t n : {16, 32, 48, 64, 100, 200}) {
    for (const size_t k : {36, 384, 2100}) {
      TestProduct test(kernels(), format(), 64, k, n);
      Product whole = test.product();
      whole.epilogue = Epilogue::GeluErf;
      kernels().product(whole);
      for (size_t rows = 1; rows <= 64; rows += 1 + rows / 14) {
        Floats out(rows * padded(n), NAN);
        Product part = whole;
        part.a = test.a.row(64 - rows);  // the last rows
        part.a_scales = &test.row_scales[64 - rows];
        part.rows = rows;
        part.out = out.data();
        kernels().product(part);
        for (size_t r = 0; r < rows; ++r) {
          ASSERT_EQ(std::memcmp(&out[r * padded(n)], &test.out[(64 - rows + r) * padded(n)],
                                n * sizeof(float)),
                    0)
              << "row " << r << " of " << rows << ", k " << k << ", n " << n;
        }
      }
    }
  }
}

TEST_P(Products, ColumnsHaveTheSameBitsWhenComputedByPanels) {
  const size_t width = kernels().panel_width;
  const size_t n = 3 * width + 16;
  TestProduct test(kernels(), format(), 9, 600, n);
  const Product whole = test.product();
  kernels().product(whole);
  Floats parts(test.out.size(), NAN);
  for (size_t first = 0; first < n; first += width) {
    Product part = whole;
    part.b = columns_of(whole.b, first, std::min(n, first + width));
    part.bias += first;
    part.out = parts.data() + first;
    kernels().product(part);
  }
  EXPECT_EQ(std::memcmp(parts.data(), test.out.data(), parts.size() * sizeof(float)), 0);
}

TEST_P(Products, PeakCountsItsMultiplyAdds) {
  const std::vector<int32_t> seed(32, 0x01010101);
  Floats sink(kRowPadding, NAN);
  const size_t some = kernels().multiply_peak(format(), 3, seed.data(), sink.data());
  EXPECT_GT(some, 0U);
  EXPECT_EQ(kernels().multiply_peak(format(), 6, seed.data(), sink.data()), 2 * some);
}

// Sums of bytes are integers: every instruction set has the same, and only the end may round.
TEST(Int8Products, AreExactOnTheLargestBytes) {
  for (const Isa isa : isas_with_emulated_amx()) {
    const KernelTable& kernels = kernel_table(isa);
    constexpr size_t kK = 1024;
    const std::vector<uint8_t> a(kK, 255);
    const std::vector<int8_t> b(kK, -127);
    const PanelShape shape{kK / 4, 1, kernels.panel_width};
    std::vector<uint32_t> panels(shape.size());
    pack_transposed(kernels, shape, b.data(), kK / 4, panels.data());
    const RowScale row{1.0F, 0};
    const Floats scales(kRowPadding, 1.0F);
    const std::vector<int32_t> sums(kRowPadding, -127 * static_cast<int32_t>(kK));
    Floats out(kRowPadding);
    Product p;
    p.a = a.data();
    p.lda = kK;
    p.a_scales = &row;
    p.rows = 1;
    p.b = {Format::Int8, panels.data(), kK, 1, scales.data(), sums.data()};
    p.out = out.data();
    p.ldo = kRowPadding;
    kernels.product(p);
    EXPECT_EQ(out[0], -255.0F * 127.0F * 1024.0F) << to_string(isa);
  }
}

std::string name_of(const testing::TestParamInfo<std::tuple<Isa, Format>>& info) {
  constexpr const char* kFormats[] = {"F32", "Bf16", "Int8"};
  return std::string(to_string(std::get<0>(info.param))) + "_" +
         kFormats[static_cast<size_t>(std::get<1>(info.param))];
}

INSTANTIATE_TEST_SUITE_P(Isas, Products,
                         testing::Combine(testing::ValuesIn(isas_with_emulated_amx()),
                                          testing::Values(Format::F32, Format::Bf16, Format::Int8)),
                         name_of);

}  // namespace
}  // namespace neso
