// SPDX-License-Identifier: Apache-2.0
#include "simd/kernels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "simd/cpu.h"
#include "simd/panels.h"

namespace neso {
namespace {

using Floats = std::vector<float>;

Floats random_floats(size_t count, uint32_t seed) {
  std::mt19937 generator(seed);
  std::uniform_real_distribution<float> distribution(-1, 1);
  Floats values(count);
  for (float& value : values) value = distribution(generator);
  return values;
}

// A product with everything it needs; inputs random, outputs NaN.
struct Operands {
  size_t rows, k, n;
  Floats a, b, bias, residual, panels, out;  // b is [n, k]

  Operands(const KernelTable& kernels, size_t rows_, size_t k_, size_t n_)
      : rows(rows_),
        k(k_),
        n(n_),
        a(random_floats(rows * (k + 3), 1)),
        b(random_floats(n * k, 2)),
        bias(random_floats(padded(n), 3)),
        residual(random_floats(rows * padded(n), 4)),
        panels(PanelShape{k, n, kernels.panel_width}.floats()),
        out(rows * padded(n), NAN) {
    std::fill(bias.begin() + static_cast<ptrdiff_t>(n), bias.end(), 0.0F);
    pack_transposed(PanelShape{k, n, kernels.panel_width}, b.data(), k, panels.data());
  }

  Product product() {
    Product p;
    p.a = a.data();
    p.lda = k + 3;
    p.rows = rows;
    p.panels = panels.data();
    p.k = k;
    p.n = n;
    p.bias = bias.data();
    p.out = out.data();
    p.ldo = padded(n);
    return p;
  }

  double expected(size_t r, size_t c) const {
    double sum = bias[c];
    for (size_t i = 0; i < k; ++i)
      sum += static_cast<double>(a[r * (k + 3) + i]) * static_cast<double>(b[c * k + i]);
    return sum;
  }
};

// What adding k products below 1 in fp32 may be off by.
double rounding(size_t k) {
  return 1e-6 + 1e-7 * static_cast<double>(k);
}

class Kernels : public testing::TestWithParam<Isa> {
 protected:
  const KernelTable& kernels() const { return kernel_table(GetParam()); }
};

TEST_P(Kernels, TableIsOfTheInstructionSetAskedFor) {
  EXPECT_EQ(kernels().isa, GetParam());
}

TEST_P(Kernels, ProductIsThatOfDoublesForOddSizes) {
  for (const size_t rows : {1, 2, 5, 6, 7, 11, 12, 13, 25}) {
    for (const size_t k : {1, 3, 36, 511, 512, 513, 1030}) {
      for (const size_t n : {1, 8, 15, 16, 17, 33, 48, 63, 64, 65, 130}) {
        Operands operands(kernels(), rows, k, n);
        kernels().product(operands.product());
        for (size_t r = 0; r < rows; ++r) {
          for (size_t c = 0; c < n; c += c + 1 < n ? std::max<size_t>(1, n / 7) : 1) {
            ASSERT_NEAR(operands.out[r * padded(n) + c], operands.expected(r, c), rounding(k))
                << rows << " x " << k << " x " << n << " at " << r << ", " << c;
          }
        }
      }
    }
  }
}

TEST_P(Kernels, ProductAddsTheResidualAfterTheEpilogue) {
  Operands operands(kernels(), 7, 530, 70);
  Product product = operands.product();
  product.epilogue = Epilogue::None;
  product.residual = operands.residual.data();
  kernels().product(product);
  for (size_t r = 0; r < 7; ++r) {
    for (size_t c = 0; c < 70; ++c) {
      ASSERT_NEAR(
          operands.out[r * padded(70) + c],
          operands.expected(r, c) + static_cast<double>(operands.residual[r * padded(70) + c]),
          rounding(530));
    }
  }
}

// The rule that everything else rests on.
TEST_P(Kernels, RowOfAProductHasTheSameBitsHoweverManyRowsThereAre) {
  for (const size_t n : {16, 32, 48, 64, 100, 200}) {
    for (const size_t k : {36, 384, 700}) {
      Operands all(kernels(), 64, k, n);
      Product whole = all.product();
      whole.epilogue = Epilogue::GeluErf;
      kernels().product(whole);
      for (size_t rows = 1; rows <= 64; ++rows) {
        Floats out(rows * padded(n), NAN);
        Product part = whole;
        part.a = all.a.data() + (64 - rows) * part.lda;  // the last rows
        part.rows = rows;
        part.out = out.data();
        kernels().product(part);
        for (size_t r = 0; r < rows; ++r) {
          ASSERT_EQ(std::memcmp(&out[r * padded(n)], &all.out[(64 - rows + r) * padded(n)],
                                n * sizeof(float)),
                    0)
              << "row " << r << " of " << rows << ", k " << k << ", n " << n;
        }
      }
    }
  }
}

TEST_P(Kernels, ColumnsOfAProductHaveTheSameBitsWhenComputedByPanels) {
  const size_t width = kernels().panel_width;
  const size_t n = 3 * width + 16;
  Operands operands(kernels(), 9, 600, n);
  const Product whole = operands.product();
  kernels().product(whole);
  Floats parts(operands.out.size(), NAN);
  for (size_t first = 0; first < n; first += width) {
    Product part = whole;
    part.panels += first * part.k;
    part.bias += first;
    part.n = std::min(width, n - first);
    part.out = parts.data() + first;
    kernels().product(part);
  }
  EXPECT_EQ(std::memcmp(parts.data(), operands.out.data(), parts.size() * sizeof(float)), 0);
}

// The epilogue of every x, through a product with one input: x * 1 + 0.
Floats activate(const KernelTable& kernels, Epilogue epilogue, const Floats& x) {
  const Floats zeros(kRowPadding, 0.0F);
  Floats panels(PanelShape{1, 1, kernels.panel_width}.floats());
  const float one = 1;
  pack_transposed(PanelShape{1, 1, kernels.panel_width}, &one, 1, panels.data());
  Floats out(x.size() * kRowPadding);
  Product p;
  p.a = x.data();
  p.lda = 1;
  p.rows = x.size();
  p.panels = panels.data();
  p.k = 1;
  p.n = 1;
  p.bias = zeros.data();
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

TEST_P(Kernels, ActivationsAreExactToAMillionth) {
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

TEST_P(Kernels, ActivationsKeepZeroAndNotANumber) {
  for (const Epilogue epilogue :
       {Epilogue::GeluErf, Epilogue::GeluTanh, Epilogue::Relu, Epilogue::Silu}) {
    const Floats y = activate(kernels(), epilogue, {0.0F, NAN});
    EXPECT_EQ(y[0], 0.0F);
    EXPECT_TRUE(std::isnan(y[1]));
  }
}

TEST_P(Kernels, LayerNormIsThatOfDoubles) {
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

TEST_P(Kernels, SoftmaxIsThatOfDoublesAndIgnoresThePadding) {
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

TEST_P(Kernels, SoftmaxShowsNotANumber) {
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

INSTANTIATE_TEST_SUITE_P(Isas, Kernels, testing::ValuesIn(supported_isas()),
                         [](const auto& info) { return std::string(to_string(info.param)); });

TEST(Cpu, GenericIsAlwaysSupportedAndFirst) {
  const auto isas = supported_isas();
  ASSERT_FALSE(isas.empty());
  EXPECT_EQ(isas.front(), Isa::Generic);
  EXPECT_TRUE(std::is_sorted(isas.begin(), isas.end()));
}

}  // namespace
}  // namespace neso
