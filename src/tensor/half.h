// SPDX-License-Identifier: Apache-2.0
// 16-bit floats to and from fp32: IEEE 754 binary16 and bfloat16 (the upper half of a binary32).
#pragma once

#include <cstdint>
#include <span>

namespace neso {

float fp16_to_fp32(uint16_t bits);
uint16_t fp32_to_fp16(float value);  // nearest even, overflow to infinity
float bf16_to_fp32(uint16_t bits);
uint16_t fp32_to_bf16(float value);  // nearest even, NaN kept

}  // namespace neso
