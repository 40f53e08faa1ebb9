// SPDX-License-Identifier: Apache-2.0
// The encoder's inner loops, once per instruction set, behind a table of function pointers that is
// chosen at load. Every kernel computes a row from that row alone, in an order that depends on the
// model's sizes only: a row's bits are the same whatever other rows it is computed with. Between
// instruction sets the last bits differ. Rows are fp32, row-major, and may be written up to the
// next multiple of kRowPadding columns.
#pragma once

#include <cstddef>

#include "simd/isa.h"

namespace neso {

// Leading dimensions are multiples of this many floats.
inline constexpr size_t kRowPadding = 16;
constexpr size_t padded(size_t columns) {
  return (columns + kRowPadding - 1) / kRowPadding * kRowPadding;
}

enum class Epilogue { None, GeluErf, GeluTanh, Relu, Silu };

// out = epilogue(a * b + bias) + residual, where b is [k, n], packed in panels (simd/panels.h).
struct Product {
  const float* a = nullptr;  // [rows, k]
  size_t lda = 0;
  size_t rows = 0;
  const float* panels = nullptr;
  size_t k = 0;  // 1 or more
  size_t n = 0;
  const float* bias = nullptr;      // [padded(n)], zeros behind n
  const float* residual = nullptr;  // [rows, padded(n)] with ldo, or null
  float* out = nullptr;             // [rows, padded(n)]; not one of the inputs
  size_t ldo = 0;
  Epilogue epilogue = Epilogue::None;
};

// out = (in - mean) / sqrt(variance + epsilon) * scale + shift, per row of n.
struct LayerNorm {
  const float* in = nullptr;  // [rows, padded(n)]
  float* out = nullptr;       // [rows, padded(n)]; may be `in`
  size_t ld = 0;              // of both
  size_t rows = 0;
  size_t n = 0;
  const float* scale = nullptr;  // [padded(n)], zeros behind n, as has shift
  const float* shift = nullptr;
  float epsilon = 0;
};

// In place, per row of n: x = exp(factor * (x - max)); the sum's inverse goes to inverse_sums
// instead of into x.
struct Softmax {
  float* x = nullptr;  // [rows, padded(n)]
  size_t ld = 0;
  size_t rows = 0;
  size_t n = 0;
  float factor = 1;               // above 0
  float* inverse_sums = nullptr;  // [rows]
};

struct KernelTable {
  Isa isa;
  size_t panel_width;  // columns of b per panel: 16 or a multiple or a divisor of it
  void (*product)(const Product&);
  void (*layer_norm)(const LayerNorm&);
  void (*softmax)(const Softmax&);
};

// The process must run on a CPU that supports `isa` (simd/cpu.h).
const KernelTable& kernel_table(Isa isa);

}  // namespace neso
