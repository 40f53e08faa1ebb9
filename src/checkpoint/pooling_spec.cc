// SPDX-License-Identifier: Apache-2.0
// Names of pooling modes.
#include "checkpoint/pooling_spec.h"

#include <array>

namespace neso {

namespace {

// Indexed by PoolingMode.
constexpr std::array<std::string_view, 6> kNames = {
    "cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"};

}  // namespace

std::string_view to_string(PoolingMode mode) {
  return kNames[static_cast<size_t>(mode)];
}

std::optional<PoolingMode> pooling_mode_from(std::string_view name) {
  for (size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<PoolingMode>(i);
  }
  return std::nullopt;
}

}  // namespace neso
