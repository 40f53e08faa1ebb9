// SPDX-License-Identifier: Apache-2.0
// Integer arithmetic on the bit patterns, so that the result does not depend on rounding mode or
// flush-to-zero.
#include "tensor/half.h"

#include <bit>

namespace neso {
namespace {

constexpr uint32_t kSignBit = 0x8000'0000u;
constexpr uint32_t kFp32Infinity = 0x7f80'0000u;
constexpr uint32_t kQuietBit = 0x0040'0000u;

// Drops the low `bits` bits of `value`, rounding to nearest, ties to even.
constexpr uint32_t shift_right_to_even(uint32_t value, int bits) {
  const uint32_t half_minus_one = (1u << (bits - 1)) - 1;
  return (value + half_minus_one + ((value >> bits) & 1u)) >> bits;
}

}  // namespace

float fp16_to_fp32(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000u) << 16;
  const uint32_t exponent = (bits >> 10) & 0x1fu;
  uint32_t mantissa = bits & 0x3ffu;
  if (exponent == 0x1f) return std::bit_cast<float>(sign | kFp32Infinity | (mantissa << 13));
  if (exponent != 0)
    return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
  if (mantissa == 0) return std::bit_cast<float>(sign);
  // Subnormal: mantissa * 2^-24. Shift the leading one up to bit 10, where it becomes the implicit
  // one.
  const int shift = std::countl_zero(mantissa) - 21;
  mantissa = (mantissa << shift) & 0x3ffu;
  return std::bit_cast<float>(sign | (static_cast<uint32_t>(113 - shift) << 23) | (mantissa << 13));
}

uint16_t fp32_to_fp16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = (bits & kSignBit) >> 16;
  const uint32_t magnitude = bits & ~kSignBit;
  if (magnitude >
      kFp32Infinity) {  // NaN: keep the upper payload, made quiet so that it cannot become infinity
    return static_cast<uint16_t>(sign | 0x7e00u | ((magnitude >> 13) & 0x3ffu));
  }
  if (magnitude >= 0x4780'0000u) return static_cast<uint16_t>(sign | 0x7c00u);  // 65536 and above
  if (magnitude >= 0x3880'0000u) {  // 2^-14: a normal binary16
    // Rounding may carry into the exponent, up to infinity; both are what IEEE 754 asks for.
    return static_cast<uint16_t>(sign | shift_right_to_even(magnitude - (112u << 23), 13));
  }
  const int exponent = static_cast<int>(magnitude >> 23);
  if (exponent < 102) return static_cast<uint16_t>(sign);  // below 2^-25: nearer to zero
  const uint32_t mantissa = (magnitude & 0x007f'ffffu) | 0x0080'0000u;
  return static_cast<uint16_t>(sign | shift_right_to_even(mantissa, 126 - exponent));
}

float bf16_to_fp32(uint16_t bits) {
  return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

uint16_t fp32_to_bf16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  if ((bits & ~kSignBit) > kFp32Infinity) return static_cast<uint16_t>((bits | kQuietBit) >> 16);
  return static_cast<uint16_t>(shift_right_to_even(bits, 16));
}

}  // namespace neso
