// SPDX-License-Identifier: Apache-2.0
// For tests: random operands of a product in any format, and the exact result of what they hold.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "simd/kernels.h"
#include "simd/panels.h"

namespace neso {

using Floats = std::vector<float>;

inline Floats random_floats(size_t count, uint32_t seed) {
  std::mt19937 generator(seed);
  std::uniform_real_distribution<float> distribution(-1, 1);
  Floats values(count);
  for (float& value : values) value = distribution(generator);
  return values;
}

// Rows of `k` values in units of a format, with one unit of noise between rows, and what they mean.
class TestRows {
 public:
  TestRows(Format format, size_t rows, size_t k, bool is_signed, uint32_t seed)
      : format_(format), ld_(units_of(format, k) + 1), units_(rows * ld_) {
    std::mt19937 generator(seed);
    for (uint32_t& unit : units_) unit = random_unit(generator);
    if (!is_signed) return;
    // Panels end in zeros when k does not fill its last unit.
    const size_t bytes_used = k * 4 / unit_values(format);
    for (size_t r = 0; r < rows; ++r) {
      auto* bytes = reinterpret_cast<uint8_t*>(&units_[r * ld_]);
      std::fill(bytes + bytes_used, bytes + (ld_ - 1) * 4, uint8_t{0});
    }
  }

  const void* data() const { return units_.data(); }
  const uint32_t* row(size_t r) const { return &units_[r * ld_]; }
  size_t ld_units() const { return ld_; }
  size_t ld() const { return ld_ * unit_values(format_); }

  // As floats or bf16, or as bytes of the sign asked for.
  double value(size_t r, size_t i, bool is_signed) const {
    const uint32_t* units = row(r);
    switch (format_) {
      case Format::F32:
        return static_cast<double>(std::bit_cast<float>(units[i]));
      case Format::Bf16: {
        const uint32_t half = i % 2 == 0 ? units[i / 2] << 16U : units[i / 2] & 0xFFFF0000U;
        return static_cast<double>(std::bit_cast<float>(half));
      }
      case Format::Int8: {
        const auto byte = static_cast<uint8_t>(units[i / 4] >> (8 * (i % 4)));
        return is_signed ? static_cast<double>(static_cast<int8_t>(byte))
                         : static_cast<double>(byte);
      }
    }
    return NAN;
  }

 private:
  uint32_t random_unit(std::mt19937& generator) const {
    const auto small_float = [&] {
      std::uniform_real_distribution<float> distribution(-1, 1);
      return std::bit_cast<uint32_t>(distribution(generator));
    };
    switch (format_) {
      case Format::F32:
        return small_float();
      case Format::Bf16:
        return small_float() >> 16U | (small_float() & 0xFFFF0000U);
      case Format::Int8:
        return static_cast<uint32_t>(generator());
    }
    return 0;
  }

  Format format_;
  size_t ld_;
  std::vector<uint32_t> units_;
};

// A product with everything it needs; inputs random, outputs NaN.
struct TestProduct {
  Format format;
  size_t rows, k, n;
  TestRows a;
  TestRows b;  // [n, k]
  Floats bias, residual, factors, scales;
  std::vector<int32_t> sums;
  std::vector<RowScale> row_scales;
  std::vector<uint32_t> panels;
  Floats out;

  TestProduct(const KernelTable& kernels, Format format_, size_t rows_, size_t k_, size_t n_)
      : format(format_),
        rows(rows_),
        k(k_),
        n(n_),
        a(format, rows, k, false, 1),
        b(format, n, k, true, 2),
        bias(random_floats(padded(n), 3)),
        residual(random_floats(rows * padded(n), 4)),
        factors(random_floats(rows, 5)),
        scales(padded(n)),
        sums(padded(n)),
        out(rows * padded(n), NAN) {
    std::fill(bias.begin() + static_cast<ptrdiff_t>(n), bias.end(), 0.0F);
    const PanelShape shape{units_of(format, k), n, kernels.panel_width};
    panels.resize(shape.size());
    pack_transposed(kernels, shape, b.data(), b.ld_units(), panels.data());
    for (size_t r = 0; r < rows; ++r)
      row_scales.push_back(
          {0.01F + 0.001F * static_cast<float>(r), static_cast<int32_t>(r * 37 % 256)});
    for (size_t c = 0; c < n && format == Format::Int8; ++c) {
      scales[c] = 0.002F + 0.0001F * static_cast<float>(c);
      for (size_t i = 0; i < k; ++i) sums[c] += static_cast<int32_t>(b.value(c, i, true));
    }
  }

  Product product() {
    Product p;
    p.a = a.data();
    p.lda = a.ld();
    p.a_scales = row_scales.data();
    p.rows = rows;
    p.b = {format, panels.data(), k, n, scales.data(), sums.data()};
    p.bias = bias.data();
    p.out = out.data();
    p.ldo = padded(n);
    return p;
  }

  // a b + bias
  double expected(size_t r, size_t c) const {
    double sum = 0;
    const bool int8 = format == Format::Int8;
    const double zero = int8 ? row_scales[r].zero : 0;
    for (size_t i = 0; i < k; ++i) sum += (a.value(r, i, false) - zero) * b.value(c, i, true);
    if (int8) sum *= static_cast<double>(row_scales[r].scale) * static_cast<double>(scales[c]);
    return sum + static_cast<double>(bias[c]);
  }

  // What the kernels may be off by: fp32 sums of k products below 1; of bytes only the last
  // roundings of a value.
  double tolerance(double value) const {
    return format == Format::Int8 ? 1e-6 + 5e-7 * std::abs(value)
                                  : 1e-6 + 1e-7 * static_cast<double>(k);
  }
};

}  // namespace neso
