// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/onnx_weight_names.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "checkpoint/in_quotes.h"

namespace neso {
namespace {

// Between a constant and its use; also what ends a circle.
constexpr size_t kMaxSteps = 16;
constexpr std::string_view kWeight = ".weight";
constexpr std::string_view kBias = ".bias";

// A constant as an operator sees it, and the names that it has on its way there, nearest first.
struct Constant {
  OnnxWeight weight;
  std::vector<std::string_view> names;
};

// y = x W^T + b.
struct Linear {
  Constant weight;               // as [out, in]
  std::optional<Constant> bias;  // nullopt: none, or not certain
  std::string place;             // in the model, by the operator's name; empty: it tells none
};

// "encoder.layer.0.output.dense" of operator "/encoder/layer.0/output/dense/MatMul".
std::string place_of(const OnnxNode& node) {
  const size_t last = node.name.rfind('/');
  if (!node.name.starts_with('/') || last == 0) return {};
  const std::string_view kind = std::string_view(node.name).substr(last + 1);
  if (kind != node.op && !kind.starts_with(node.op + "_")) return {};
  std::string place = node.name.substr(1, last - 1);
  std::ranges::replace(place, '/', '.');
  return place;
}

// The nearest name that ends in `suffix`, without it.
std::optional<std::string> named(const Constant& constant, std::string_view suffix) {
  for (const std::string_view name : constant.names) {
    if (name.ends_with(suffix)) return std::string(name.substr(0, name.size() - suffix.size()));
  }
  return std::nullopt;
}

class Namer {
 public:
  explicit Namer(const OnnxGraph& graph) : graph_(graph) {}

  Result<OnnxWeightNames> name_all() {
    NESO_TRY_VOID(check_operators());
    NESO_TRY_VOID(find_makers());
    for (const OnnxNode& node : graph_.nodes) {
      if (node.op == "Add") note_sum(node);
    }
    for (const OnnxNode& node : graph_.nodes) {
      if (node.op == "MatMul") add_product(node);
      if (node.op == "Gemm") add_gemm(node);
      if (node.op == "Gather") add_table(node);
    }
    add_vectors();
    NESO_TRY_VOID(name_linears());
    return std::move(names_);
  }

 private:
  struct Maker {
    const OnnxNode* node = nullptr;  // null: a tensor
    size_t tensor = 0;
  };

  Result<> check_operators() const {
    for (const OnnxNode& node : graph_.nodes) {
      if (!node.is_of_onnx()) {
        return unsupported(
            "its operator {} is none of ONNX's own: the graph was optimized, and its weights are "
            "not those of the model any more",
            in_quotes(node.full_op()));
      }
      if (node.op.find("uantize") != std::string::npos || node.op.starts_with("QLinear") ||
          node.op.ends_with("Integer")) {
        return unsupported("its operator {} shows that the graph was quantized",
                           in_quotes(node.op));
      }
    }
    return {};
  }

  Result<> find_makers() {
    const auto add = [this](const std::string& value, Maker maker) -> Result<> {
      if (value.empty() || makers_.try_emplace(value, maker).second) return {};
      return invalid_argument("two parts of the graph make the value {}", in_quotes(value));
    };
    for (size_t i = 0; i < graph_.tensors.size(); ++i) {
      NESO_TRY_VOID(add(graph_.tensors[i].name, {.tensor = i}));
    }
    for (const OnnxNode& node : graph_.nodes) {
      for (const std::string& output : node.outputs) NESO_TRY_VOID(add(output, {.node = &node}));
    }
    return {};
  }

  const Shape& shape_of(const OnnxWeight& weight) const {
    return graph_.tensors[weight.tensor].info.shape;
  }

  // The constant behind a value, through operators that leave its numbers as they are.
  std::optional<Constant> constant(std::string_view value) const {
    Constant found;
    for (size_t step = 0; step < kMaxSteps; ++step) {
      const auto maker = makers_.find(value);
      if (maker == makers_.end()) return std::nullopt;
      found.names.push_back(value);
      const OnnxNode* node = maker->second.node;
      if (node == nullptr) {
        found.weight.tensor = maker->second.tensor;
        if (found.weight.transposed && shape_of(found.weight).size() != 2) return std::nullopt;
        return found;
      }
      if (node->inputs.size() != 1) return std::nullopt;
      if (node->op == "Transpose") {
        const bool plain = node->perm.empty() || node->perm == std::vector<int64_t>{1, 0};
        if (!plain) return std::nullopt;
        found.weight.transposed = !found.weight.transposed;
      } else if (node->op == "Cast") {
        if (node->to != kOnnxFloat && node->to != kOnnxDouble) return std::nullopt;
      } else if (node->op != "Identity") {
        return std::nullopt;
      }
      value = node->inputs.front();
    }
    return std::nullopt;
  }

  // A sum of a value and a constant: where the value is a product, the constant is its bias.
  void note_sum(const OnnxNode& node) {
    if (node.inputs.size() != 2) return;
    const std::array constants = {constant(node.inputs[0]), constant(node.inputs[1])};
    if (constants[0].has_value() == constants[1].has_value()) return;
    const size_t bias = constants[0] ? 0 : 1;
    const auto [there, is_new] = sums_.try_emplace(node.inputs[1 - bias], constants[bias]);
    if (!is_new) there->second.reset();  // two biases of one value: neither is certain
  }

  void add_product(const OnnxNode& node) {
    if (node.inputs.size() != 2 || node.outputs.size() != 1) return;
    auto weight = constant(node.inputs[1]);
    if (!weight || shape_of(weight->weight).size() != 2 || constant(node.inputs[0])) return;
    weight->weight.transposed = !weight->weight.transposed;
    const auto bias = sums_.find(node.outputs[0]);
    linears_.push_back(
        {*std::move(weight), bias == sums_.end() ? std::nullopt : bias->second, place_of(node)});
  }

  void add_gemm(const OnnxNode& node) {
    if (node.inputs.size() < 2 || node.trans_a || node.alpha != 1.0F || node.beta != 1.0F) return;
    auto weight = constant(node.inputs[1]);
    if (!weight || shape_of(weight->weight).size() != 2 || constant(node.inputs[0])) return;
    if (!node.trans_b) weight->weight.transposed = !weight->weight.transposed;
    auto bias = node.inputs.size() > 2 ? constant(node.inputs[2]) : std::nullopt;
    linears_.push_back({*std::move(weight), std::move(bias), place_of(node)});
  }

  // An embedding table: rows are taken from it.
  void add_table(const OnnxNode& node) {
    if (node.inputs.size() != 2 || node.axis != 0) return;
    const auto table = constant(node.inputs[0]);
    if (!table || table->weight.transposed || shape_of(table->weight).size() != 2) return;
    for (const std::string_view name : table->names) names_.emplace(name, table->weight);
  }

  // A vector has its own name: norms and biases.
  void add_vectors() {
    for (const auto& [value, maker] : makers_) {
      const auto vector = constant(value);
      if (vector && shape_of(vector->weight).size() == 1) names_.emplace(value, vector->weight);
    }
  }

  // Gives a linear layer the name that its weight, its bias and its place tell. One of these that
  // tells the same of two different layers tells nothing: equal tensors are often stored once.
  Result<> name_linears() {
    using Claims = std::map<std::string, std::optional<size_t>>;  // name -> index into linears_
    std::array<Claims, 3> ways;
    const auto claim = [&](Claims& claims, const std::string& name, size_t linear) {
      const auto [there, is_new] = claims.try_emplace(name, linear);
      if (is_new || !there->second) return;
      if (linears_[*there->second].weight.weight != linears_[linear].weight.weight) {
        there->second.reset();
      }
    };
    for (size_t i = 0; i < linears_.size(); ++i) {
      const Linear& linear = linears_[i];
      if (const auto name = named(linear.weight, kWeight)) claim(ways[0], *name, i);
      const auto bias_name = linear.bias ? named(*linear.bias, kBias) : std::nullopt;
      if (bias_name) claim(ways[1], *bias_name, i);
      if (!linear.place.empty()) claim(ways[2], linear.place, i);
    }
    for (const Claims& claims : ways) {
      for (const auto& [name, linear] : claims) {
        if (linear) NESO_TRY_VOID(name_linear(name, linears_[*linear]));
      }
    }
    return {};
  }

  Result<> name_linear(const std::string& name, const Linear& linear) {
    NESO_TRY_VOID(put(name + std::string(kWeight), linear.weight.weight));
    if (!linear.bias || shape_of(linear.bias->weight).size() != 1) return {};
    return put(name + std::string(kBias), linear.bias->weight);
  }

  Result<> put(const std::string& name, const OnnxWeight& weight) {
    const auto [there, is_new] = names_.try_emplace(name, weight);
    if (is_new || there->second == weight) return {};
    return invalid_argument("two tensors of the graph, {} and {}, would both be {}",
                            in_quotes(graph_.tensors[there->second.tensor].name),
                            in_quotes(graph_.tensors[weight.tensor].name), in_quotes(name));
  }

  const OnnxGraph& graph_;
  std::map<std::string_view, Maker> makers_;                  // by value
  std::map<std::string_view, std::optional<Constant>> sums_;  // by the other summand
  std::vector<Linear> linears_;
  OnnxWeightNames names_;
};

}  // namespace

Result<OnnxWeightNames> name_onnx_weights(const OnnxGraph& graph) {
  return Namer(graph).name_all();
}

}  // namespace neso
