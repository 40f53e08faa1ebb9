// SPDX-License-Identifier: Apache-2.0
#include "engine/cpu/weight_rows.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace neso {

Bf16 to_bf16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  if (value != value) return static_cast<Bf16>((bits | 0x400000U) >> 16U);
  return static_cast<Bf16>((bits + 0x7FFFU + ((bits >> 16U) & 1U)) >> 16U);
}

void bf16_row(std::span<const float> row, std::span<uint32_t> units) {
  const size_t whole = row.size() / 2;
  for (size_t i = 0; i < whole; ++i) {
    units[i] = static_cast<uint32_t>(to_bf16(row[2 * i])) |
               static_cast<uint32_t>(to_bf16(row[2 * i + 1])) << 16U;
  }
  if (row.size() % 2 != 0) units[whole] = to_bf16(row.back());
}

QuantizedRow int8_row(std::span<const float> row, std::span<uint32_t> units) {
  float largest = 0;
  for (const float value : row) largest = std::max(largest, std::abs(value));
  QuantizedRow result;
  result.scale = largest / 127.0F;
  const float inverse = result.scale > 0 ? 1.0F / result.scale : 0.0F;
  auto* bytes = reinterpret_cast<int8_t*>(units.data());
  // Adding 1.5 * 2^23 rounds to the nearest integer, ties to even.
  constexpr float kMagic = 12582912.0F;
  for (size_t i = 0; i < row.size(); ++i) {
    const float rounded = (row[i] * inverse + kMagic) - kMagic;
    const auto byte = static_cast<int32_t>(std::clamp(rounded, -127.0F, 127.0F));
    bytes[i] = static_cast<int8_t>(byte);
    result.sum += byte;
  }
  std::fill(bytes + row.size(), bytes + units.size() * sizeof(uint32_t), int8_t{0});
  return result;
}

}  // namespace neso
