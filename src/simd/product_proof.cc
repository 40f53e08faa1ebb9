// SPDX-License-Identifier: Apache-2.0
#include "simd/product_proof.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include "base/error.h"
#include "simd/panels.h"

namespace neso {
namespace {

// Sizes that leave a rest in every direction: rows of tiles, units of k, columns of a panel.
constexpr size_t kRows = 37;
constexpr size_t kUnits = 75;
constexpr size_t kColumns = 80;
// Many times what sums of 150 products below 1 are off by in fp32, few times less than what one
// wrong product changes.
constexpr float kBf16Tolerance = 1e-4F;

// Units of a format: any bytes, or pairs of bf16 between -1 and 1.
class Units {
 public:
  explicit Units(Format format) : format_(format) {}

  std::vector<uint32_t> draw(size_t count) {
    std::vector<uint32_t> units(count);
    for (uint32_t& unit : units) unit = format_ == Format::Int8 ? bits() : half() | half() << 16U;
    return units;
  }
  float between_minus_1_and_1() { return static_cast<float>(bits()) * 0x1p-31F - 1; }

 private:
  uint32_t bits() {
    state_ = state_ * 6364136223846793005U + 1442695040888963407U;  // Knuth's MMIX
    return static_cast<uint32_t>(state_ >> 32U);
  }
  uint32_t half() {
    const float value = between_minus_1_and_1();
    uint32_t bits = 0;
    std::memcpy(&bits, &value, sizeof bits);
    return bits >> 16U;
  }

  Format format_;
  uint64_t state_ = 1;
};

class Trial {
 public:
  Trial(Format format, const KernelTable& reference)
      : format_(format), panels_(PanelShape{kUnits, kColumns, reference.panel_width}.size()) {
    Units units(format);
    a_ = units.draw(kRows * kUnits);
    const std::vector<uint32_t> columns = units.draw(kColumns * kUnits);
    pack_transposed(reference, {kUnits, kColumns, reference.panel_width}, columns.data(), kUnits,
                    panels_.data());
    for (size_t c = 0; c < kColumns; ++c) {
      bias_.push_back(units.between_minus_1_and_1());
      scales_.push_back(0.01F);
      sums_.push_back(0);
      if (format == Format::Int8) sums_[c] = sum_of_bytes(&columns[c * kUnits]);
    }
    for (size_t r = 0; r < kRows; ++r)
      row_scales_.push_back({0.01F, static_cast<int32_t>(r * 37 % 256)});
  }

  std::vector<float> multiply(const KernelTable& kernels, size_t first_row, size_t rows) const {
    std::vector<float> out(rows * kColumns);
    Product p;
    p.a = &a_[first_row * kUnits];
    p.lda = kUnits * unit_values(format_);
    p.a_scales = &row_scales_[first_row];
    p.rows = rows;
    p.b = {format_,  panels_.data(), kUnits * unit_values(format_),
           kColumns, scales_.data(), sums_.data()};
    p.bias = bias_.data();
    p.out = out.data();
    p.ldo = kColumns;
    kernels.product(p);
    return out;
  }

 private:
  static int32_t sum_of_bytes(const uint32_t* column) {
    int32_t sum = 0;
    for (size_t i = 0; i < 4 * kUnits; ++i)
      sum += static_cast<int8_t>(column[i / 4] >> (8 * (i % 4)));
    return sum;
  }

  Format format_;
  std::vector<uint32_t> a_, panels_;
  std::vector<float> bias_, scales_;
  std::vector<int32_t> sums_;
  std::vector<RowScale> row_scales_;
};

bool same_bits(const float* a, const float* b, size_t count) {
  return std::memcmp(a, b, count * sizeof(float)) == 0;
}

}  // namespace

Result<> prove_products(const KernelTable& kernels, const KernelTable& reference) {
  for (const Format format : {Format::Int8, Format::Bf16}) {
    const char* name = format == Format::Int8 ? "int8" : "bf16";
    const Trial trial(format, reference);
    const std::vector<float> truth = trial.multiply(reference, 0, kRows);
    const std::vector<float> whole = trial.multiply(kernels, 0, kRows);
    for (size_t i = 0; i < truth.size(); ++i) {
      const bool right = format == Format::Int8 ? same_bits(&whole[i], &truth[i], 1)
                                                : std::abs(whole[i] - truth[i]) <= kBf16Tolerance;
      if (!right) {
        return internal_error("its {} product gives {} in row {}, column {}, and the reference {}",
                              name, whole[i], i / kColumns, i % kColumns, truth[i]);
      }
    }
    for (size_t rows = 1; rows < kRows; rows += 4) {
      const size_t first = kRows - rows;
      const std::vector<float> part = trial.multiply(kernels, first, rows);
      if (!same_bits(part.data(), &whole[first * kColumns], part.size())) {
        return internal_error("its {} product of {} rows has other bits than the same rows of {}",
                              name, rows, kRows);
      }
    }
  }
  return {};
}

}  // namespace neso
