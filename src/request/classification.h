// SPDX-License-Identifier: Apache-2.0
// Triton's classification extension: an output as its largest values, each a string
// "value:index" or "value:index:label".
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "config/model_config.h"
#include "tensor/tensor.h"

namespace neso {

// Labels by output, a line of the output's label file each; index i has line i.
using Labels = std::map<std::string, std::vector<std::string>, std::less<>>;

// Reads the label files that a config names, relative to the model's folder. Internal, with
// Triton's sentence, when one cannot be read.
Result<Labels> read_labels(const ModelConfig& config, const std::filesystem::path& model_folder);

// The `count` largest of each row of `scores`, in falling order, of equal ones the lower index
// first; NaN comes last. Shape: [rows, min(count, classes)], without rows where the model does not
// batch. A row's classes are all its elements. InvalidArgument for types that have no order
// (strings) or, as in Triton, no text (BOOL, FP16, BF16).
Result<Tensor> classify(const Tensor& scores, uint64_t count, bool batched,
                        std::span<const std::string> labels);

}  // namespace neso
