// SPDX-License-Identifier: Apache-2.0
#include "engine/pooling.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

#include "base/check.h"

namespace neso {
namespace {

using States = std::span<const float>;

// out[c] += weight * row[c]
void accumulate(std::span<const float> row, float weight, std::span<float> out) {
  for (size_t c = 0; c < out.size(); ++c) out[c] += weight * row[c];
}

void divide(std::span<float> values, float divisor) {
  for (float& value : values) value /= divisor;
}

void pool_sum(States states, std::span<float> out) {
  const size_t hidden = out.size();
  std::ranges::fill(out, 0.0F);
  for (size_t at = 0; at < states.size(); at += hidden)
    accumulate(states.subspan(at, hidden), 1.0F, out);
}

void pool_weighted_mean(States states, std::span<float> out) {
  const size_t hidden = out.size();
  std::ranges::fill(out, 0.0F);
  float position = 0;
  float sum = 0;
  for (size_t at = 0; at < states.size(); at += hidden) {
    position += 1;
    sum += position;
    accumulate(states.subspan(at, hidden), position, out);
  }
  divide(out, sum);
}

void pool_max(States states, std::span<float> out) {
  const size_t hidden = out.size();
  std::ranges::copy(states.first(hidden), out.begin());
  for (size_t at = hidden; at < states.size(); at += hidden) {
    const auto row = states.subspan(at, hidden);
    // A NaN wins, so that it is seen.
    for (size_t c = 0; c < hidden; ++c)
      out[c] = out[c] >= row[c] || out[c] != out[c] ? out[c] : row[c];
  }
}

void pool(States states, PoolingMode mode, std::span<float> out) {
  const size_t count = states.size() / out.size();
  const auto tokens = static_cast<float>(count);
  switch (mode) {
    case PoolingMode::Cls:
      std::ranges::copy(states.first(out.size()), out.begin());
      return;
    case PoolingMode::Max:
      return pool_max(states, out);
    case PoolingMode::Mean:
      pool_sum(states, out);
      return divide(out, tokens);
    case PoolingMode::MeanSqrtLength:
      pool_sum(states, out);
      return divide(out, std::sqrt(tokens));
    case PoolingMode::WeightedMean:
      return pool_weighted_mean(states, out);
    case PoolingMode::LastToken:
      std::ranges::copy(states.last(out.size()), out.begin());
      return;
  }
}

// torch's layer_norm without weights.
void layer_norm(std::span<float> vector) {
  constexpr double kEpsilon = 1e-5;
  const auto n = static_cast<double>(vector.size());
  double mean = 0;
  for (const float value : vector) mean += static_cast<double>(value) / n;
  double variance = 0;
  for (const float value : vector) {
    const double distance = static_cast<double>(value) - mean;
    variance += distance * distance / n;
  }
  const double factor = 1 / std::sqrt(variance + kEpsilon);
  for (float& value : vector)
    value = static_cast<float>((static_cast<double>(value) - mean) * factor);
}

}  // namespace

void pool_sequence(std::span<const float> states, size_t hidden, const PoolingSpec& spec,
                   std::span<float> out) {
  NESO_CHECK(hidden > 0 && !states.empty() && states.size() % hidden == 0);
  NESO_CHECK(out.size() == spec.width(hidden));
  for (size_t i = 0; i < spec.modes.size(); ++i)
    pool(states, spec.modes[i], out.subspan(i * hidden, hidden));
}

void normalize_l2(std::span<float> vector) {
  // In double, where the square of no float overflows or vanishes.
  double squares = 0;
  for (const float value : vector)
    squares += static_cast<double>(value) * static_cast<double>(value);
  constexpr double kSmallest = 1e-12;
  divide(vector, static_cast<float>(std::max(std::sqrt(squares), kSmallest)));
}

std::span<float> finish_vector(std::span<float> pooled, const VectorFinish& finish) {
  NESO_CHECK(finish.dimensions <= pooled.size());
  std::span<float> served = pooled;
  if (finish.dimensions != 0 && finish.dimensions < pooled.size()) {
    if (finish.norm_before_cut) layer_norm(pooled);
    served = pooled.first(finish.dimensions);
  }
  if (finish.normalize) normalize_l2(served);
  return served;
}

bool all_finite(std::span<const float> values) {
  constexpr uint32_t kExponent = 0x7f800000;  // all ones in infinities and NaNs
  uint32_t bad = 0;
  for (const float value : values)
    bad |= (std::bit_cast<uint32_t>(value) & kExponent) == kExponent ? 1U : 0U;
  return bad == 0;
}

}  // namespace neso
