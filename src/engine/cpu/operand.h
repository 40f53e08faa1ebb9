// SPDX-License-Identifier: Apache-2.0
// The left-hand side of a product: activations in the format of the weights they are multiplied by.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/cpu/activations.h"
#include "simd/kernels.h"

namespace neso {

// Room for one block of rows.
struct OperandMemory {
  std::byte* values = nullptr;  // [rows, columns] of two bytes
  RowScale* scales = nullptr;   // [rows]
};

struct Operand {
  const void* values = nullptr;
  size_t ld = 0;
  const RowScale* scales = nullptr;
};

// Rows of n values, wanted in a format.
struct OperandShape {
  size_t rows = 0;
  size_t n = 0;
  Format format = Format::F32;
};

// The first rows of `in`; converted into `memory` unless they are in that format.
inline Operand make_operand(const KernelTable& kernels, const Activations& in,
                            const OperandShape& shape, const OperandMemory& memory) {
  const Format format = shape.format;
  const bool as_is = (format == Format::F32 && in.f32 != nullptr) ||
                     (format == Format::Bf16 && in.bf16 != nullptr);
  if (as_is) return {in.data(), in.ld, nullptr};
  Convert convert;
  convert.in = in.f32;
  convert.in_bf16 = in.bf16;
  convert.ldi = in.ld;
  convert.rows = shape.rows;
  convert.n = shape.n;
  convert.ldo = padded(shape.n);
  if (format == Format::Int8) {
    convert.out_int8 = reinterpret_cast<uint8_t*>(memory.values);
    convert.scales = memory.scales;
  } else {
    convert.out_bf16 = reinterpret_cast<Bf16*>(memory.values);
  }
  kernels.convert(convert);
  return {memory.values, convert.ldo, format == Format::Int8 ? memory.scales : nullptr};
}

}  // namespace neso
