// SPDX-License-Identifier: Apache-2.0
// For tests only: ONNX files made by hand, field by field. Field numbers are onnx.proto's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/test_folder.h"

namespace neso::onnx_bytes {

inline std::string varint(uint64_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  return out + static_cast<char>(value);
}
inline std::string field(uint32_t number, std::string_view content) {
  return varint(number << 3 | 2) + varint(content.size()) + std::string(content);
}
inline std::string number_field(uint32_t number, uint64_t value) {
  return varint(number << 3) + varint(value);
}

inline std::string entry(std::string_view key, std::string_view value) {
  return field(13, field(1, key) + field(2, value));
}
inline std::string external_tensor(std::string_view location) {
  return entry("location", location);
}

// A TensorProto; `elements` are its other fields, such as raw_data.
inline std::string tensor(std::string_view name, const Shape& shape, const std::string& elements,
                          uint64_t type = 1) {
  std::string bytes;
  for (const int64_t size : shape) bytes += number_field(1, static_cast<uint64_t>(size));
  return bytes + number_field(2, type) + field(8, name) + elements;
}
template <typename T>
std::string raw_data(const std::vector<T>& values) {
  return field(9, {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)});
}
// Fp32 elements that differ from one another, beginning with `first`.
inline std::string counting(const Shape& shape, float first = 0) {
  std::vector<float> values(static_cast<size_t>(element_count(shape).value()));
  for (float& value : values) value = first++;
  return raw_data(values);
}

struct Attributes {
  std::string bytes = {};
  Attributes& integer(std::string_view name, uint64_t value) {
    bytes += field(5, field(1, name) + number_field(3, value));
    return *this;
  }
  Attributes& integers(std::string_view name, const std::vector<uint64_t>& values) {
    std::string list;
    for (const uint64_t value : values) list += number_field(8, value);
    bytes += field(5, field(1, name) + list);
    return *this;
  }
  Attributes& tensor(std::string_view name, std::string_view value) {
    bytes += field(5, field(1, name) + field(5, value));
    return *this;
  }
};

struct TestNode {
  std::string op;
  std::vector<std::string> inputs;
  std::string output;
  std::string name = {};
  std::string attributes = {};
  std::string domain = {};
};

inline std::string node(const TestNode& made) {
  std::string bytes;
  for (const std::string& input : made.inputs) bytes += field(1, input);
  bytes += field(2, made.output);
  if (!made.name.empty()) bytes += field(3, made.name);
  bytes += field(4, made.op) + made.attributes;
  if (!made.domain.empty()) bytes += field(7, made.domain);
  return bytes;
}

// A ModelProto of one graph, made part by part.
class TestGraph {
 public:
  TestGraph& add(const TestNode& made) {
    graph_ += field(1, node(made));
    return *this;
  }
  TestGraph& initializer(const std::string& tensor) {
    graph_ += field(5, tensor);
    return *this;
  }
  TestGraph& floats(const std::string& name, const Shape& shape, float first = 0) {
    return initializer(tensor(name, shape, counting(shape, first)));
  }
  std::string bytes() const { return field(7, graph_); }

 private:
  std::string graph_;
};

// An export of test_folder.h's small BERT as torch makes it: a linear layer's weight is a number,
// [in, out]. What `tensors` lacks the export lacks, too.
inline TestGraph small_bert_export(const std::vector<TestTensor>& tensors = small_bert_tensors()) {
  TestGraph graph;
  float first = 0;
  for (const TestTensor& tensor : tensors) {
    first += 1000;
    constexpr std::string_view kWeight = ".weight";
    if (!tensor.name.ends_with(kWeight) || tensor.shape.size() != 2) {
      graph.floats(tensor.name, tensor.shape, first);
      continue;
    }
    if (tensor.name.find("embeddings.") != std::string::npos) {
      graph.floats(tensor.name, tensor.shape, first);
      graph.add({"Gather", {tensor.name, "ids"}, "rows of " + tensor.name});
      continue;
    }
    const std::string layer = tensor.name.substr(0, tensor.name.size() - kWeight.size());
    const std::string weight = "onnx::MatMul_" + std::to_string(static_cast<int>(first));
    graph.floats(weight, {tensor.shape[1], tensor.shape[0]}, first);
    graph.add({"MatMul", {"states", weight}, "product of " + layer});
    graph.add({"Add", {layer + ".bias", "product of " + layer}, "sum of " + layer});
  }
  return graph;
}

}  // namespace neso::onnx_bytes
