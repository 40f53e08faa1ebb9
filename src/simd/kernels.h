// SPDX-License-Identifier: Apache-2.0
// The encoder's inner loops, once per instruction set, behind a table of function pointers that is
// chosen at load. Every kernel computes a row from that row alone, in an order that depends on the
// model's sizes only: a row's bits are the same whatever other rows it is computed with. Between
// instruction sets the last bits differ. Rows are fp32, row-major, and may be written up to the
// next multiple of kRowPadding columns.
#pragma once

#include <cstddef>
#include <cstdint>

#include "simd/isa.h"

namespace neso {

// Leading dimensions are multiples of this many floats.
inline constexpr size_t kRowPadding = 16;
constexpr size_t padded(size_t columns) {
  return (columns + kRowPadding - 1) / kRowPadding * kRowPadding;
}

enum class Epilogue { None, GeluErf, GeluTanh, Relu, Silu };

// What a product multiplies. Sums are fp32, of Int8 exact 32-bit integers.
enum class Format { F32, Bf16, Int8 };

// Values of k that stand in one 32-bit unit of an operand.
constexpr size_t unit_values(Format format) {
  return format == Format::F32 ? 1 : format == Format::Bf16 ? 2 : 4;
}

using Bf16 = uint16_t;  // the upper half of a float's bits

// How a row of u8 is read: value = scale * (byte - zero).
struct RowScale {
  float scale = 0;
  int32_t zero = 0;  // 0 .. 255
};

// The right-hand side [k, n] of a product, in panels (simd/panels.h) of values of its format.
struct Panels {
  Format format = Format::F32;
  const void* data = nullptr;
  size_t k = 0;  // 1 or more
  size_t n = 0;
  // Int8 only, of a column of s8, both [padded(n)]: value = scale * byte; the sum of its bytes.
  const float* scales = nullptr;
  const int32_t* sums = nullptr;
};

// out = epilogue(a b + bias) * row_factors + residual. When gated, each panel of b holds as many
// columns of gates behind its columns of values, and out = values * epilogue(gates) ..., half as
// wide.
struct Product {
  const void* a = nullptr;             // [rows, k] of b's format (u8 for Int8), whole units per row
  size_t lda = 0;                      // in values, a multiple of a unit
  const RowScale* a_scales = nullptr;  // Int8 only, [rows]
  size_t rows = 0;
  Panels b;
  const float* bias = nullptr;         // [padded(n)], zeros behind n; null: zeros
  const float* row_factors = nullptr;  // [rows], or null
  const float* residual = nullptr;     // [rows, padded(n)] with ldo, or null; `out` for k up to 512
  float* out = nullptr;                // [rows, padded(n)]; else not one of the inputs
  Bf16* out_bf16 = nullptr;            // instead of out
  size_t ldo = 0;
  Epilogue epilogue = Epilogue::None;
  bool gated = false;
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

// Per row of n: x = exp(factor * (x - max)); the inverse of the sum goes to inverse_sums instead of
// into x.
struct Softmax {
  float* x = nullptr;  // [rows, padded(n)]
  // Null: in place. Else the values go here, rounded (the sum's are not), with zeros up to
  // padded(n); rows are 2 * ld apart, so that it may be x's own memory.
  Bf16* out_bf16 = nullptr;
  size_t ld = 0;
  size_t rows = 0;
  size_t n = 0;
  float factor = 1;               // above 0
  float* inverse_sums = nullptr;  // [rows], unless the row goes on:
  // Of a row that comes in parts (online softmax: Milakov and Gimelshein 2018), each [rows]. Before
  // the first part maxima are -FLT_MAX and sums 0. Each part raises the maximum, puts what earlier
  // parts' values have to be multiplied by into corrections, and adds to the sum.
  float* maxima = nullptr;
  float* sums = nullptr;
  float* corrections = nullptr;
};

// out = in * the row's factor, per row of n.
struct ScaleRows {
  const float* in = nullptr;  // [rows, padded(n)]
  size_t ldi = 0;
  size_t rows = 0;
  size_t n = 0;
  const float* factors = nullptr;  // [rows]
  float* out = nullptr;            // [rows, padded(n)]; may be `in`
  Bf16* out_bf16 = nullptr;        // instead of out
  size_t ldo = 0;
};

// Rows of n for the left-hand side of a product: rounded to bf16, or bytes with a scale and zero of
// their own per row (performance notes: u8, asymmetric, zero exact). Exactly one input, one output.
struct Convert {
  const float* in = nullptr;  // [rows, padded(n)]
  const Bf16* in_bf16 = nullptr;
  size_t ldi = 0;
  size_t rows = 0;
  size_t n = 0;
  Bf16* out_bf16 = nullptr;     // [rows, padded(n)]
  uint8_t* out_int8 = nullptr;  // [rows, padded(n)]
  size_t ldo = 0;
  RowScale* scales = nullptr;  // [rows], with out_int8
};

// Rotary position embedding of heads side by side, in place: the first half of a head's columns
// (x1) and the second (x2) become x1 cos - x2 sin and x2 cos + x1 sin (RoFormer, halves not
// interleaved).
struct Rotate {
  float* x = nullptr;      // [rows, heads * head_size]
  Bf16* x_bf16 = nullptr;  // instead of x
  size_t ld = 0;
  size_t rows = 0;
  size_t heads = 0;
  size_t head_size = 0;  // even
  // Per row: the cosines of its position's angles, [padded(head_size / 2)], then the sines.
  const float* const* angles = nullptr;
};

// out[u][r] = in[r][u], of 32-bit units: rows become the columns of a panel.
struct Transpose {
  const void* in = nullptr;  // [rows, units]
  size_t ldi = 0;            // in units, as is ldo
  size_t rows = 0;
  size_t units = 0;
  void* out = nullptr;  // [units, columns], zeros behind rows
  size_t columns = 0;   // a multiple of kRowPadding or of the panel width, at least rows
  size_t ldo = 0;
};

// out[i][c] = in[2 i][c] in the lower half and in[2 i + 1][c] in the upper one; zero where there is
// no such row or column.
struct PairRows {
  const Bf16* in = nullptr;  // [rows, n]
  size_t ldi = 0;
  size_t rows = 0;
  size_t n = 0;
  uint32_t* out = nullptr;  // [rows / 2 rounded up, columns]
  size_t columns = 0;       // at least n
  size_t ldo = 0;
};

struct KernelTable {
  Isa isa;
  size_t panel_width;  // columns of b per panel: 16 or a multiple or a divisor of it
  void (*product)(const Product&);
  void (*layer_norm)(const LayerNorm&);
  void (*softmax)(const Softmax&);
  void (*scale_rows)(const ScaleRows&);
  void (*convert)(const Convert&);
  void (*rotate)(const Rotate&);
  void (*transpose)(const Transpose&);
  void (*pair_rows)(const PairRows&);
  // `steps` rounds of multiplications of registers, the roof of every product; answers how many
  // multiply-adds that was. seed: 32 units of operands; sink: kRowPadding floats, overwritten.
  size_t (*multiply_peak)(Format format, size_t steps, const int32_t* seed, float* sink);
};

// The process must run on a CPU that supports `isa` (simd/cpu.h).
const KernelTable& kernel_table(Isa isa);

}  // namespace neso
