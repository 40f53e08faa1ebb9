// SPDX-License-Identifier: Apache-2.0
// Named weights of a model folder, fully validated (sizes, overlaps, types) before the first use.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tensor/dtype.h"
#include "tensor/shape.h"

namespace neso {

struct WeightInfo {
  DType dtype = DType::Fp32;  // Bytes: a stored type that we have no name for, such as F8_E4M3
  Shape shape;
  std::string_view stored_as;  // the file's word, "BF16"; static storage
};

// Immutable; any thread.
class WeightStore {
 public:
  virtual ~WeightStore() = default;
  // Sorted.
  virtual std::vector<std::string> names() const = 0;
  // Null when there is no such tensor.
  virtual const WeightInfo* find(std::string_view name) const = 0;
  // The elements as fp32, stored as F16, BF16, F32 or F64. `out` has as many elements as the
  // tensor. NotFound names the tensor; another stored type is Unsupported; a file cut short or
  // written to meanwhile is Internal.
  virtual Result<> read_fp32(std::string_view name, std::span<float> out) const = 0;
};

// `model.safetensors`, or else the shards that `model.safetensors.index.json` lists, of a model
// folder. NotFound when it has neither. Errors name file, tensor and numbers.
Result<std::shared_ptr<const WeightStore>> open_safetensors(const std::filesystem::path& folder);

}  // namespace neso
