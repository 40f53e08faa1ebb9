// SPDX-License-Identifier: Apache-2.0
// What of an ONNX graph tells where an encoder's weights are: its operators, how values pass from
// one to the next, and its constant tensors without their elements. Field numbers are onnx.proto's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "checkpoint/onnx_reader.h"
#include "checkpoint/weight_store.h"

namespace neso {

// A constant: an initializer, or what a Constant node makes.
struct OnnxTensor {
  std::string name;      // of the value
  WeightInfo info;       // Bytes where its elements are nothing that a weight store reads
  std::string location;  // the file beside the model that holds its elements; empty: the model file
  uint64_t offset = 0;   // of the first byte there
  uint64_t size = 0;     // bytes; of floats, what type and shape make it
};

struct OnnxNode {
  std::string name;
  std::string domain;
  std::string op;
  std::vector<std::string> inputs;  // names of values
  std::vector<std::string> outputs;
  // Attributes: of Transpose, Gemm, Gather and Cast, and the type of a Cast.
  std::vector<int64_t> perm;
  bool trans_a = false;
  bool trans_b = false;
  float alpha = 1.0F;
  float beta = 1.0F;
  int64_t axis = 0;
  int64_t to = 0;

  // "com.microsoft.Attention"; operators of ONNX itself have no domain.
  std::string full_op() const { return is_of_onnx() ? op : domain + "." + op; }
  bool is_of_onnx() const { return domain.empty() || domain == "ai.onnx"; }
};

struct OnnxGraph {
  std::vector<OnnxTensor> tensors;
  std::vector<OnnxNode> nodes;
};

// ONNX's numbers of element types, TensorProto.DataType.
inline constexpr int64_t kOnnxFloat = 1;
inline constexpr int64_t kOnnxDouble = 11;

// The model's graph; what branches and functions hold is not looked at. InvalidArgument, with a
// sentence, for what is damaged, contradicts itself or has more parts than any encoder.
Result<OnnxGraph> read_onnx_graph(OnnxReader& reader);

}  // namespace neso
