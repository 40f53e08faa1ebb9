// SPDX-License-Identifier: Apache-2.0
#include "simd/kernels.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "simd/cpu.h"
#include "simd/panels.h"
#include "simd/test_operands.h"

namespace neso {
namespace {

class RowOps : public testing::TestWithParam<Isa> {
 protected:
  const KernelTable& kernels() const { return kernel_table(GetParam()); }
};

TEST_P(RowOps, TableIsOfTheInstructionSetAskedFor) {
  EXPECT_EQ(kernels().isa, GetParam());
}

// The epilogue of every x, through a product with one input: x * 1 + 0.
Floats activate(const KernelTable& kernels, Epilogue epilogue, const Floats& x) {
  Floats panels(PanelShape{1, 1, kernels.panel_width}.size());
  const float one = 1;
  pack_transposed(kernels, PanelShape{1, 1, kernels.panel_width}, &one, 1, panels.data());
  Floats out(x.size() * kRowPadding);
  Product p;
  p.a = x.data();
  p.lda = 1;
  p.rows = x.size();
  p.b = {Format::F32, panels.data(), 1, 1};
  p.out = out.data();
  p.ldo = kRowPadding;
  p.epilogue = epilogue;
  kernels.product(p);
  Floats result;
  for (size_t i = 0; i < x.size(); ++i) result.push_back(out[i * kRowPadding]);
  return result;
}

double exact(Epilogue epilogue, double x) {
  switch (epilogue) {
    case Epilogue::None:
      return x;
    case Epilogue::GeluErf:
      return x / 2 * std::erfc(-x / std::sqrt(2.0));
    case Epilogue::GeluTanh:
      return x / (1 + std::exp(-2 * std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    case Epilogue::Relu:
      return std::max(x, 0.0);
    case Epilogue::Silu:
      return x / (1 + std::exp(-x));
  }
  return NAN;
}

TEST_P(RowOps, ActivationsAreExactToAMillionth) {
  Floats x;
  for (int i = -120000; i <= 120000; ++i) x.push_back(static_cast<float>(i) * 1e-4F);
  for (const float far : {13.5F, 20.0F, 88.0F, 89.0F, 1000.0F, 3e7F}) {
    x.push_back(far);
    x.push_back(-far);
  }
  for (const Epilogue epilogue :
       {Epilogue::None, Epilogue::GeluErf, Epilogue::GeluTanh, Epilogue::Relu, Epilogue::Silu}) {
    const Floats y = activate(kernels(), epilogue, x);
    for (size_t i = 0; i < x.size(); ++i) {
      const double truth = exact(epilogue, x[i]);
      ASSERT_NEAR(y[i], truth, 1e-6 + 1e-7 * std::abs(truth))
          << "epilogue " << static_cast<int>(epilogue) << " of " << x[i];
    }
  }
}

TEST_P(RowOps, ActivationsKeepZeroAndNotANumber) {
  for (const Epilogue epilogue :
       {Epilogue::GeluErf, Epilogue::GeluTanh, Epilogue::Relu, Epilogue::Silu}) {
    const Floats y = activate(kernels(), epilogue, {0.0F, NAN});
    EXPECT_EQ(y[0], 0.0F);
    EXPECT_TRUE(std::isnan(y[1]));
  }
}

TEST_P(RowOps, LayerNormIsThatOfDoubles) {
  for (const size_t n : {1, 2, 12, 15, 16, 17, 36, 60, 384, 1000}) {
    constexpr size_t kRows = 3;
    const size_t ld = padded(n);
    Floats in = random_floats(kRows * ld, 5);
    for (float& value : in)
      value = 3 * value + 100;  // a mean that naive formulas lose the variance to
    Floats scale = random_floats(ld, 6);
    Floats shift = random_floats(ld, 7);
    for (size_t c = n; c < ld; ++c) scale[c] = shift[c] = 0;
    Floats out(in.size(), NAN);
    LayerNorm norm;
    norm.in = in.data();
    norm.out = out.data();
    norm.ld = ld;
    norm.rows = kRows;
    norm.n = n;
    norm.scale = scale.data();
    norm.shift = shift.data();
    norm.epsilon = 1e-5F;
    kernels().layer_norm(norm);
    for (size_t r = 0; r < kRows; ++r) {
      double mean = 0;
      for (size_t c = 0; c < n; ++c)
        mean += static_cast<double>(in[r * ld + c]) / static_cast<double>(n);
      double variance = 0;
      for (size_t c = 0; c < n; ++c)
        variance +=
            std::pow(static_cast<double>(in[r * ld + c]) - mean, 2) / static_cast<double>(n);
      for (size_t c = 0; c < n; ++c) {
        const double truth = (static_cast<double>(in[r * ld + c]) - mean) /
                                 std::sqrt(variance + 1e-5) * static_cast<double>(scale[c]) +
                             static_cast<double>(shift[c]);
        ASSERT_NEAR(out[r * ld + c], truth, 3e-5) << "n " << n;
      }
    }
    kernels().layer_norm([&] {
      LayerNorm in_place = norm;
      in_place.out = in.data();
      return in_place;
    }());
    for (size_t r = 0; r < kRows; ++r)
      EXPECT_EQ(std::memcmp(&in[r * ld], &out[r * ld], n * sizeof(float)), 0);
  }
}

TEST_P(RowOps, SoftmaxIsThatOfDoublesAndIgnoresThePadding) {
  for (const size_t n : {1, 2, 7, 8, 15, 16, 17, 100, 513}) {
    constexpr size_t kRows = 2;
    const size_t ld = padded(n);
    Floats x(kRows * ld, std::numeric_limits<float>::max());
    const Floats values = random_floats(kRows * n, 8);
    for (size_t r = 0; r < kRows; ++r) {
      for (size_t c = 0; c < n; ++c) x[r * ld + c] = 40 * values[r * n + c];
    }
    const Floats before = x;
    Floats inverse_sums(kRows);
    Softmax softmax;
    softmax.x = x.data();
    softmax.ld = ld;
    softmax.rows = kRows;
    softmax.n = n;
    softmax.factor = 0.25F;
    softmax.inverse_sums = inverse_sums.data();
    kernels().softmax(softmax);
    for (size_t r = 0; r < kRows; ++r) {
      double max = -INFINITY;
      for (size_t c = 0; c < n; ++c) max = std::max(max, static_cast<double>(before[r * ld + c]));
      double sum = 0;
      for (size_t c = 0; c < n; ++c)
        sum += std::exp(0.25 * (static_cast<double>(before[r * ld + c]) - max));
      for (size_t c = 0; c < n; ++c) {
        const double truth = std::exp(0.25 * (static_cast<double>(before[r * ld + c]) - max)) / sum;
        ASSERT_NEAR(x[r * ld + c] * inverse_sums[r], truth, 1e-6) << "n " << n;
      }
    }
  }
}

TEST_P(RowOps, SoftmaxIntoItsOwnMemoryAsBf16RoundsAndFillsWithZeros) {
  for (const size_t n : {1, 7, 16, 17, 40, 100}) {
    constexpr size_t kRows = 3;
    const size_t ld = padded(n);
    Floats in_place = random_floats(kRows * ld, 9);
    Floats halves = in_place;
    Floats sums(kRows);
    Floats other_sums(kRows);
    Softmax softmax;
    softmax.ld = ld;
    softmax.rows = kRows;
    softmax.n = n;
    softmax.x = in_place.data();
    softmax.inverse_sums = sums.data();
    kernels().softmax(softmax);
    softmax.x = halves.data();
    softmax.out_bf16 = reinterpret_cast<Bf16*>(halves.data());
    softmax.inverse_sums = other_sums.data();
    kernels().softmax(softmax);
    for (size_t r = 0; r < kRows; ++r) EXPECT_NEAR(other_sums[r], sums[r], sums[r] * 4e-6);
    const auto* out = reinterpret_cast<const Bf16*>(halves.data());
    for (size_t r = 0; r < kRows; ++r) {
      for (size_t c = 0; c < ld; ++c) {
        const float value = std::bit_cast<float>(static_cast<uint32_t>(out[2 * r * ld + c]) << 16U);
        const float truth = c < n ? in_place[r * ld + c] : 0.0F;
        ASSERT_NEAR(value, truth, truth * (0x1.01p-8F + 4e-6F)) << "n " << n;
      }
    }
  }
}

// In parts of any size, the first of which holds the smallest values: all are corrected later.
TEST_P(RowOps, SoftmaxInPartsAddsUpToTheWhole) {
  constexpr size_t kRows = 3;
  constexpr size_t kN = 75;
  Floats values = random_floats(kRows * kN, 11);
  for (size_t r = 0; r < kRows; ++r) {
    for (size_t c = 0; c < kN; ++c) values[r * kN + c] += static_cast<float>(c) * 0.3F;
  }
  Floats maxima(kRows, -std::numeric_limits<float>::max());
  Floats sums(kRows, 0.0F);
  Floats corrections(kRows);
  std::vector<double> first_values(kRows, 0.0);  // of the first column, as corrected so far
  for (const auto& [begin, end] : {std::pair<size_t, size_t>{0, 1}, {1, 33}, {33, 75}}) {
    const size_t ld = padded(end - begin);
    Floats x(kRows * ld);
    for (size_t r = 0; r < kRows; ++r)
      std::copy_n(&values[r * kN + begin], end - begin, &x[r * ld]);
    Softmax part;
    part.x = x.data();
    part.ld = ld;
    part.rows = kRows;
    part.n = end - begin;
    part.factor = 0.5F;
    part.maxima = maxima.data();
    part.sums = sums.data();
    part.corrections = corrections.data();
    kernels().softmax(part);
    for (size_t r = 0; r < kRows; ++r)
      first_values[r] = begin == 0 ? static_cast<double>(x[r * ld])
                                   : first_values[r] * static_cast<double>(corrections[r]);
  }
  for (size_t r = 0; r < kRows; ++r) {
    const float* row = &values[r * kN];
    const auto max = static_cast<double>(*std::max_element(row, row + kN));
    double sum = 0;
    for (size_t c = 0; c < kN; ++c) sum += std::exp(0.5 * (static_cast<double>(row[c]) - max));
    EXPECT_NEAR(sums[r], sum, sum * 1e-6);
    EXPECT_NEAR(first_values[r], std::exp(0.5 * (static_cast<double>(row[0]) - max)), 1e-6);
  }
}

TEST_P(RowOps, ScaleRowsMultipliesEachRowByItsOwn) {
  constexpr size_t kRows = 3;
  const Floats factors = {2.0F, -0.5F, 3.0F};
  for (const size_t n : {1, 16, 33}) {
    const size_t ld = padded(n);
    const Floats in = random_floats(kRows * ld, 12);
    Floats out = in;
    std::vector<Bf16> halves(kRows * ld);
    ScaleRows scale{in.data(), ld, kRows, n, factors.data(), nullptr, halves.data(), ld};
    kernels().scale_rows(scale);
    scale.in = scale.out = out.data();
    scale.out_bf16 = nullptr;
    kernels().scale_rows(scale);
    for (size_t r = 0; r < kRows; ++r) {
      for (size_t c = 0; c < n; ++c) {
        const float truth = in[r * ld + c] * factors[r];
        ASSERT_EQ(out[r * ld + c], truth);
        const float half = std::bit_cast<float>(static_cast<uint32_t>(halves[r * ld + c]) << 16U);
        ASSERT_NEAR(half, truth, std::abs(truth) * 0x1p-8F);
      }
    }
  }
}

TEST_P(RowOps, SoftmaxShowsNotANumber) {
  for (const size_t bad : {0, 5, 17}) {
    Floats x(32, 0.0F);
    x[bad] = NAN;
    float inverse_sum = 0;
    Softmax softmax;
    softmax.x = x.data();
    softmax.ld = 32;
    softmax.rows = 1;
    softmax.n = 18;
    softmax.inverse_sums = &inverse_sum;
    kernels().softmax(softmax);
    EXPECT_TRUE(std::isnan(inverse_sum)) << bad;
  }
}

INSTANTIATE_TEST_SUITE_P(Isas, RowOps, testing::ValuesIn(supported_isas()),
                         [](const auto& info) { return std::string(to_string(info.param)); });

TEST(Cpu, AnInstructionSetIsChosenByName) {
  for (const Isa isa : supported_isas()) EXPECT_EQ(choose_isa(to_string(isa)).value(), isa);
  const auto unknown = choose_isa("avx9");
  ASSERT_FALSE(unknown.has_value());
  EXPECT_NE(unknown.error().message.find("'avx9'; choose from generic"), std::string::npos);
}

TEST(Cpu, GenericIsAlwaysSupportedAndFirst) {
  const auto isas = supported_isas();
  ASSERT_FALSE(isas.empty());
  EXPECT_EQ(isas.front(), Isa::Generic);
  EXPECT_TRUE(std::is_sorted(isas.begin(), isas.end()));
}

}  // namespace
}  // namespace neso
