// SPDX-License-Identifier: Apache-2.0
#include "engine/cpu/rotary.h"

#include <algorithm>
#include <cmath>

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

ScaledAngles::ScaledAngles(const Architecture& architecture, const TokenBatch& batch) {
  if (architecture.position_kind != PositionKind::Rotary) return;
  for (size_t i = 0; i < batch.size(); ++i) {
    const float base = rotary_base(architecture, batch.length(i));
    if (base == architecture.rotary.base) continue;
    const auto first = static_cast<size_t>(batch.cu_seqlens[i]);
    size_t positions = batch.length(i);
    for (size_t t = 0; t < batch.length(i) && !batch.positions.empty(); ++t)
      positions = std::max(positions, static_cast<size_t>(batch.positions[first + t]) + 1);
    tables_.resize(batch.size());
    tables_[i].resize(positions * rotary_row(architecture.head_size()));
    rotary_angles(base, architecture.head_size(), tables_[i]);
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
