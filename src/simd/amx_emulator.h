// SPDX-License-Identifier: Apache-2.0
// For tests: AMX in software on CPUs without it, by Intel's pseudo-code (Software Developer's
// Manual, volume 2). Where the CPU raises an illegal instruction, the process's SIGILL handler does
// what the instruction says: TILELOADD, TDPBUSD and so on, as the compiler emitted them, out of the
// interrupted thread's registers. A sanitizer sees every access of a tile to memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "simd/isa.h"

namespace neso {

// The instruction sets of this CPU; with them avx512_amx where it has all but AMX, which is
// emulated from then on. There is no way back: this is for test programs.
std::vector<Isa> isas_with_emulated_amx();

// A thread's tiles. Each instruction answers null, or why a CPU would refuse it (#GP, #UD).
class AmxTiles {
 public:
  static constexpr size_t kTiles = 8;
  static constexpr size_t kSide = 16;  // rows, and units of 32 bits in a row

  const char* load_config(const uint8_t* config);  // 64 bytes
  void store_config(uint8_t* config) const;
  void release() { *this = AmxTiles(); }
  const char* zero(size_t tile);
  const char* load(size_t tile, const uint8_t* rows, ptrdiff_t row_distance);
  const char* store(size_t tile, uint8_t* rows, ptrdiff_t row_distance) const;
  const char* add_products_of_bytes(size_t sums, size_t a, size_t b);  // TDPBUSD: u8 by s8
  const char* add_products_of_bf16(size_t sums, size_t a, size_t b);   // TDPBF16PS

 private:
  const char* refuse_access(size_t tile) const;
  const char* refuse_product(size_t sums, size_t a, size_t b) const;

  struct Shape {
    size_t rows = 0;
    size_t row_bytes = 0;
  };
  bool configured_ = false;
  Shape shapes_[kTiles];
  // What lies outside of a tile's shape is zero.
  alignas(64) uint32_t units_[kTiles][kSide][kSide] = {};
};

}  // namespace neso
