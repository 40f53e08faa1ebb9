// SPDX-License-Identifier: Apache-2.0
// Which constant of an exported graph is which weight of the model that was exported. Exporters
// rename and transpose the weights of linear layers ("onnx::MatMul_1234", [in, out]), but the graph
// still tells: a layer's bias keeps its name, or the layer's operator is named after its place in
// the model. Pure.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>

#include "base/result.h"
#include "checkpoint/onnx_graph.h"

namespace neso {

struct OnnxWeight {
  size_t tensor = 0;  // index into the graph's
  bool transposed = false;
  bool operator==(const OnnxWeight&) const = default;
};

// By name, as the model that was exported has it ("encoder.layer.0.attention.self.query.weight").
// The weight of a linear layer is [out, in], "transposed" when the graph has it as [in, out].
using OnnxWeightNames = std::map<std::string, OnnxWeight, std::less<>>;

// Unsupported, with the reason, for a graph whose weights are not those of the model any more: it
// was quantized or its operators were fused. InvalidArgument for one that contradicts itself. What
// is not certain has no name.
Result<OnnxWeightNames> name_onnx_weights(const OnnxGraph& graph);

}  // namespace neso
