// SPDX-License-Identifier: Apache-2.0
// Every kernel of every instruction set of this machine against the generic ones, on any sizes and
// values: results within rounding, a value that is not finite shows, and (by the sanitizer) nothing
// is read or written beside the rows.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/check.h"
#include "simd/amx_emulator.h"
#include "simd/kernels.h"
#include "simd/panels.h"
#include "simd/test_operands.h"

namespace {

using namespace neso;

// Takes decisions off the input; zeros when it is used up.
class Choices {
 public:
  explicit Choices(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  uint8_t byte() {
    if (bytes_.empty()) return 0;
    const uint8_t value = bytes_.front();
    bytes_ = bytes_.subspan(1);
    return value;
  }
  size_t size(size_t most) { return 1 + (byte() | size_t{byte()} << 8U) % most; }
  bool flag() { return byte() % 2 == 1; }

  // Mostly of a middle size; some huge, tiny, or not finite.
  Floats floats(size_t count) {
    const int exponent = byte() % 16 - 8;
    Floats values = random_floats(count, byte());
    for (float& value : values) value = std::ldexp(value, exponent);
    for (uint8_t specials = byte() % 4; specials > 0; --specials) {
      constexpr std::array kSpecial = {NAN,    INFINITY, -INFINITY, 3e38F,
                                       -3e38F, 1e-42F,   0.0F,      -0.0F};
      values[size(count) - 1] = kSpecial[byte() % kSpecial.size()];
    }
    return values;
  }

 private:
  std::span<const uint8_t> bytes_;
};

float widen(Bf16 value) {
  return std::bit_cast<float>(static_cast<uint32_t>(value) << 16U);
}

bool close(float a, float b, double tolerance) {
  if (!std::isfinite(a) || !std::isfinite(b)) return !std::isfinite(a) && !std::isfinite(b);
  return std::abs(static_cast<double>(a) - static_cast<double>(b)) <= tolerance;
}

bool all_finite(std::span<const float> row) {
  return std::ranges::all_of(row, [](float x) { return std::isfinite(x); });
}

struct Table {
  size_t rows, n;
  Floats values = Floats(rows * padded(n));
  std::vector<Bf16> halves = std::vector<Bf16>(rows * padded(n));
  float at(size_t r, size_t c, bool bf16) const {
    const size_t i = r * padded(n) + c;
    return bf16 ? widen(halves[i]) : values[i];
  }
};

void fuzz_product(Choices& choices, const KernelTable& kernels, const KernelTable& generic) {
  const auto format = static_cast<Format>(choices.byte() % 3);
  const size_t rows = choices.size(30);
  const size_t k = choices.size(1200);
  const size_t n = choices.size(200);
  const auto epilogue = static_cast<Epilogue>(choices.byte() % 5);
  const bool to_bf16 = choices.flag();
  const uint8_t parts = choices.byte();
  const auto run = [&](const KernelTable& table) {
    TestProduct test(table, format, rows, k, n);
    Table out{rows, n};
    Product product = test.product();
    product.epilogue = epilogue;
    if ((parts & 1U) != 0) product.bias = nullptr;
    if ((parts & 2U) != 0) product.row_factors = test.factors.data();
    if ((parts & 4U) != 0) product.residual = test.residual.data();
    product.out = to_bf16 ? nullptr : out.values.data();
    product.out_bf16 = to_bf16 ? out.halves.data() : nullptr;
    table.product(product);
    return out;
  };
  const Table ours = run(kernels);
  const Table truth = run(generic);
  for (size_t r = 0; r < rows; ++r) {
    for (size_t c = 0; c < n; ++c) {
      const float value = truth.at(r, c, to_bf16);
      const double rounding = to_bf16 ? 0x1p-7 * std::abs(static_cast<double>(value)) : 0;
      NESO_CHECK(close(ours.at(r, c, to_bf16), value,
                       rounding + 1e-5 + 1e-6 * std::sqrt(static_cast<double>(k)) +
                           1e-6 * std::abs(static_cast<double>(value))));
    }
  }
}

void fuzz_layer_norm(Choices& choices, const KernelTable& kernels, const KernelTable& generic) {
  const size_t rows = choices.size(5);
  const size_t n = choices.size(800);
  const Floats in = choices.floats(rows * padded(n));
  const Floats scale = random_floats(padded(n), 21);
  const Floats shift = random_floats(padded(n), 22);
  const auto run = [&](const KernelTable& table) {
    Table out{rows, n};
    table.layer_norm(
        {in.data(), out.values.data(), padded(n), rows, n, scale.data(), shift.data(), 1e-5F});
    return out;
  };
  const Table ours = run(kernels);
  const Table truth = run(generic);
  for (size_t r = 0; r < rows; ++r) {
    double largest = 0;
    for (size_t c = 0; c < n; ++c)
      largest = std::max(largest, std::abs(static_cast<double>(in[r * padded(n) + c])));
    if (largest > 1e15) continue;  // its square is no float
    for (size_t c = 0; c < n; ++c)
      NESO_CHECK(close(ours.at(r, c, false), truth.at(r, c, false), 1e-4 * (1 + largest)));
  }
}

void fuzz_softmax(Choices& choices, const KernelTable& kernels, const KernelTable& generic) {
  const size_t rows = choices.size(5);
  const size_t n = choices.size(600);
  const bool to_bf16 = choices.flag();
  const bool goes_on = choices.flag();
  const Floats in = choices.floats(rows * padded(n));
  struct Out {
    Floats values, inverse_sums, maxima, sums, corrections;
  };
  const auto run = [&](const KernelTable& table) {
    Out out{in, Floats(rows), Floats(rows, -1.0F), Floats(rows, 2.0F), Floats(rows)};
    Softmax softmax{.x = out.values.data(), .ld = padded(n), .rows = rows, .n = n, .factor = 0.3F};
    softmax.out_bf16 = to_bf16 ? reinterpret_cast<Bf16*>(out.values.data()) : nullptr;
    softmax.inverse_sums = out.inverse_sums.data();
    if (goes_on) {
      softmax.maxima = out.maxima.data();
      softmax.sums = out.sums.data();
      softmax.corrections = out.corrections.data();
    }
    table.softmax(softmax);
    return out;
  };
  const Out ours = run(kernels);
  const Out truth = run(generic);
  for (size_t r = 0; r < rows; ++r) {
    const std::span<const float> row(&in[r * padded(n)], n);
    const bool finite = all_finite(row);
    const float sum = goes_on ? ours.sums[r] : ours.inverse_sums[r];
    if (!finite) {
      // Minus infinity alone is a weight of zero, as in a mask.
      const bool masked = std::ranges::all_of(row, [](float x) { return x < INFINITY; });
      NESO_CHECK(masked || !std::isfinite(sum));
      continue;
    }
    const float expected = goes_on ? truth.sums[r] : truth.inverse_sums[r];
    NESO_CHECK(close(sum, expected, 1e-5 * std::abs(static_cast<double>(expected))));
    for (size_t c = 0; c < n; ++c) {
      const auto value = [&](const Out& out) {
        if (!to_bf16) return out.values[r * padded(n) + c];
        return widen(reinterpret_cast<const Bf16*>(out.values.data())[2 * r * padded(n) + c]);
      };
      NESO_CHECK(close(value(ours), value(truth),
                       (to_bf16 ? 0x1p-7 : 2e-5) * static_cast<double>(value(truth)) + 1e-30));
    }
  }
}

void fuzz_convert(Choices& choices, const KernelTable& kernels, const KernelTable& generic) {
  const size_t rows = choices.size(5);
  const size_t n = choices.size(600);
  const bool to_bf16 = choices.flag();
  const Floats in = choices.floats(rows * padded(n));
  struct Out {
    std::vector<Bf16> halves;
    std::vector<uint8_t> bytes;
    std::vector<RowScale> scales;
  };
  const auto run = [&](const KernelTable& table) {
    Out out{std::vector<Bf16>(in.size()), std::vector<uint8_t>(in.size()),
            std::vector<RowScale>(rows)};
    Convert convert{.in = in.data(), .ldi = padded(n), .rows = rows, .n = n, .ldo = padded(n)};
    convert.out_bf16 = to_bf16 ? out.halves.data() : nullptr;
    convert.out_int8 = to_bf16 ? nullptr : out.bytes.data();
    convert.scales = out.scales.data();
    table.convert(convert);
    return out;
  };
  const Out ours = run(kernels);
  const Out truth = run(generic);
  for (size_t r = 0; r < rows; ++r) {
    const std::span<const float> row(&in[r * padded(n)], n);
    const bool finite = all_finite(row);
    for (size_t c = 0; c < n; ++c) {
      const size_t i = r * padded(n) + c;
      if (to_bf16) {
        NESO_CHECK(close(widen(ours.halves[i]), widen(truth.halves[i]), 1e-37));  // denormals
        continue;
      }
      if (!finite) continue;
      // A tie may fall to either side of a byte.
      NESO_CHECK(std::abs(int{ours.bytes[i]} - int{truth.bytes[i]}) <= 1);
    }
    if (!to_bf16) NESO_CHECK(finite || std::isnan(ours.scales[r].scale));
  }
}

void fuzz_packing(Choices& choices, const KernelTable& kernels) {
  const size_t k = choices.size(90);
  const size_t n = choices.size(200);
  const PanelShape shape{units_of(Format::Bf16, k), n, kernels.panel_width};
  std::vector<Bf16> rows(k * n);
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<Bf16>(i * 2654435761U >> 16U);
  std::vector<uint32_t> columns(n * shape.units);  // the transpose, in units
  for (size_t c = 0; c < n; ++c) {
    for (size_t i = 0; i < k; ++i)
      columns[c * shape.units + i / 2] |= uint32_t{rows[i * n + c]} << (16 * (i % 2));
  }
  std::vector<uint32_t> by_rows(shape.size(), 1);
  std::vector<uint32_t> by_columns(shape.size(), 2);
  pack_rows(kernels, shape, Bf16Rows{rows.data(), n, k}, by_rows.data());
  pack_transposed(kernels, shape, columns.data(), shape.units, by_columns.data());
  NESO_CHECK(by_rows == by_columns);
}

void fuzz_rotate(Choices& choices, const KernelTable& kernels, const KernelTable& generic) {
  const size_t rows = choices.size(4);
  const size_t heads = choices.size(4);
  const size_t head_size = 2 * choices.size(70);
  const size_t n = heads * head_size;
  const size_t half = padded(head_size / 2);
  const Floats angles = random_floats(rows * 2 * half, 31);
  std::vector<const float*> of_rows;
  for (size_t r = 0; r < rows; ++r) of_rows.push_back(&angles[r * 2 * half]);
  const Floats in = random_floats(rows * padded(n), 32);
  const auto run = [&](const KernelTable& table) {
    Table out{rows, n};
    out.values = in;
    table.rotate({.x = out.values.data(),
                  .ld = padded(n),
                  .rows = rows,
                  .heads = heads,
                  .head_size = head_size,
                  .angles = of_rows.data()});
    return out;
  };
  const Table ours = run(kernels);
  const Table truth = run(generic);
  for (size_t r = 0; r < rows; ++r) {
    for (size_t c = 0; c < n; ++c)
      NESO_CHECK(close(ours.at(r, c, false), truth.at(r, c, false), 1e-6));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::vector<Isa> isas = isas_with_emulated_amx();
  Choices choices({data, size});
  const KernelTable& kernels = kernel_table(isas[choices.byte() % isas.size()]);
  const KernelTable& generic = kernel_table(Isa::Generic);
  switch (choices.byte() % 6) {
    case 0:
      fuzz_product(choices, kernels, generic);
      break;
    case 1:
      fuzz_layer_norm(choices, kernels, generic);
      break;
    case 2:
      fuzz_softmax(choices, kernels, generic);
      break;
    case 3:
      fuzz_convert(choices, kernels, generic);
      break;
    case 4:
      fuzz_packing(choices, kernels);
      break;
    default:
      fuzz_rotate(choices, kernels, generic);
  }
  return 0;
}
