// SPDX-License-Identifier: Apache-2.0
#include "engine/cpu/rotary.h"

#include <cmath>
#include <vector>

namespace neso {

void rotary_angles(float base, size_t head_size, std::span<float> out) {
  const size_t half = head_size / 2;
  const size_t row = rotary_row(head_size);
  std::vector<float> frequencies(half);
  for (size_t i = 0; i < half; ++i) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(head_size);
    frequencies[i] = 1.0F / std::pow(base, exponent);
  }
  for (size_t position = 0; (position + 1) * row <= out.size(); ++position) {
    float* cosines = &out[position * row];
    float* sines = cosines + row / 2;
    for (size_t i = 0; i < half; ++i) {
      const float angle = static_cast<float>(position) * frequencies[i];
      cosines[i] = std::cos(angle);
      sines[i] = std::sin(angle);
    }
  }
}

float rotary_base(const Architecture& architecture, size_t tokens) {
  const RotaryPositions& rotary = architecture.rotary;
  if (rotary.scaling_factor <= 0 || tokens <= rotary.trained_positions) return rotary.base;
  const double factor = static_cast<double>(rotary.scaling_factor);
  const double d = static_cast<double>(architecture.head_size());
  const double stretch =
      factor * static_cast<double>(tokens) / static_cast<double>(rotary.trained_positions) -
      (factor - 1);
  return static_cast<float>(static_cast<double>(rotary.base) * std::pow(stretch, d / (d - 2)));
}

}  // namespace neso
