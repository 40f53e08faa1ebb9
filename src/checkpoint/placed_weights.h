// SPDX-License-Identifier: Apache-2.0
// A store whose tensors lie at places in files: what safetensors and ONNX files have in common.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "checkpoint/weight_file.h"
#include "checkpoint/weight_store.h"

namespace neso {

struct WeightPlace {
  WeightInfo info;  // the shape as the store's users see it
  uint64_t offset = 0;
  WeightFile file;
  bool transposed = false;  // the file has the matrix the other way round
};

// Filled by one thread before others see it.
class PlacedWeights final : public WeightStore {
 public:
  // False when the name is taken; then nothing changes.
  bool add(std::string name, const WeightPlace& place);
  // Null when there is no such tensor.
  const WeightPlace* place(std::string_view name) const;

  std::vector<std::string> names() const override;
  const WeightInfo* find(std::string_view name) const override;
  Result<> read_fp32(std::string_view name, std::span<float> out) const override;

 private:
  std::map<std::string, WeightPlace, std::less<>> tensors_;
};

}  // namespace neso
