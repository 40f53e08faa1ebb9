// SPDX-License-Identifier: Apache-2.0
// Private to this folder: what a request must fulfil before ONNX Runtime sees it. Pure functions
// over the graph's declarations; every refusal is InvalidArgument and names the tensor.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"

namespace neso {

// Every declared input is there exactly once and nothing else is; type, rank, fixed sizes and byte
// size fit.
Result<> check_inputs(std::span<const TensorSpec> declared, std::span<const NamedTensor> inputs);

// The names to ask for: `wanted`, or all of the graph's when it is empty. Unknown and repeated
// names are refused.
Result<std::vector<std::string>> select_outputs(std::span<const TensorSpec> declared,
                                                std::span<const std::string> wanted);

}  // namespace neso
