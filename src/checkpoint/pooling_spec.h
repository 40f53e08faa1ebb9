// SPDX-License-Identifier: Apache-2.0
// How token states become one vector: what a model folder says about it. engine/pooling.h does it.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

namespace neso {

// Names and formulas of sentence-transformers' Pooling module.
enum class PoolingMode { Cls, Max, Mean, MeanSqrtLength, WeightedMean, LastToken };

// The folder's words: "cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken".
std::string_view to_string(PoolingMode mode);
std::optional<PoolingMode> pooling_mode_from(std::string_view name);

struct PoolingSpec {
  // In the order in which their vectors are joined; never empty, none twice.
  std::vector<PoolingMode> modes = {PoolingMode::Mean};
  size_t width(size_t hidden) const { return hidden * modes.size(); }
  bool operator==(const PoolingSpec&) const = default;
};

}  // namespace neso
