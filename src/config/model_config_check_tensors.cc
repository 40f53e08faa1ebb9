// SPDX-License-Identifier: Apache-2.0
// Rules about a model's declared inputs and outputs.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "config/model_config_message.h"
#include "tensor/dtype.h"
#include "tensor/shape.h"

namespace neso {
namespace {

using Dims = google::protobuf::RepeatedField<int64_t>;

bool has_impossible_size(const Dims& dims) {
  return std::any_of(dims.begin(), dims.end(), [](int64_t size) { return size < 1 && size != -1; });
}

// The element counts of the stretches between variable sizes: [2, 4, -1, 6] has {8, 6}; nullopt
// when one leaves int64.
std::optional<std::vector<int64_t>> fixed_counts(const Dims& dims) {
  std::vector<int64_t> counts = {1};
  for (const int64_t size : dims) {
    if (size == -1) {
      counts.push_back(1);
    } else if (__builtin_mul_overflow(counts.back(), size, &counts.back())) {
      return std::nullopt;
    }
  }
  return counts;
}

// `tensor` is "model input 'x' ".
Result<> check_reshape(const Dims& dims, const Dims& reshape, int max_batch_size,
                       std::string_view tensor) {
  if (reshape.empty() && max_batch_size == 0) {
    return invalid_argument(
        "{}cannot have empty reshape for non-batching model as scalar tensors are not supported",
        tensor);
  }
  if (has_impossible_size(reshape)) {
    return invalid_argument(
        "{}reshape dimensions must be integer >= 1, or -1 to indicate a variable-size dimension",
        tensor);
  }
  const auto from = fixed_counts(dims);
  const auto to = fixed_counts(reshape);
  if (from && to && *from == *to) return {};
  const bool both_vary = from && to && from->size() > 1 && to->size() > 1;
  if (both_vary && from->size() != to->size()) {
    return invalid_argument(
        "{}has different number of variable-size dimensions for dims and reshape", tensor);
  }
  return invalid_argument("{}has different size for dims and reshape", tensor);
}

// The bytes of a full batch, variable sizes counted as 1, fit in an int64.
template <typename Tensor>
bool has_countable_bytes(const Tensor& tensor, int max_batch_size) {
  const auto dtype = dtype_from_config(inference::DataType_Name(tensor.data_type()));
  int64_t bytes = dtype ? static_cast<int64_t>(element_size(*dtype)) : 1;
  bytes = std::max<int64_t>(1, bytes) * std::max(1, max_batch_size);
  return std::ranges::none_of(tensor.dims(), [&bytes](int64_t size) {
    return __builtin_mul_overflow(bytes, std::max<int64_t>(1, size), &bytes);
  });
}

// What inputs and outputs have in common; `side` is "input" or "output".
template <typename Tensor>
Result<> check_tensor(const Tensor& tensor, int max_batch_size, std::string_view side) {
  if (tensor.name().empty()) return invalid_argument("model {} must specify 'name'", side);
  const std::string prefix = fmt::format("model {} '{}' ", side, tensor.name());
  if (tensor.data_type() == inference::TYPE_INVALID)
    return invalid_argument("{}must specify 'data_type'", prefix);
  if (tensor.dims().empty()) return invalid_argument("{}must specify 'dims'", prefix);
  if (has_impossible_size(tensor.dims())) {
    return invalid_argument(
        "{}dimension must be integer >= 1, or -1 to indicate a variable-size dimension", prefix);
  }
  if (!has_countable_bytes(tensor, max_batch_size)) {
    return invalid_argument(
        "{}dims {} are more bytes than can be counted, in a batch of {}", prefix,
        shape_text({tensor.dims().data(), static_cast<size_t>(tensor.dims_size())}),
        std::max(1, max_batch_size));
  }
  if (tensor.has_reshape()) {
    NESO_TRY_VOID(check_reshape(tensor.dims(), tensor.reshape().shape(), max_batch_size, prefix));
  }
  if (tensor.is_shape_tensor()) {
    return invalid_argument("shape tensors are only supported for TensorRT platform");
  }
  if (tensor.is_non_linear_format_io()) {
    return invalid_argument(
        "{}uses a non-linear IO format, which is only supported for TensorRT platform", prefix);
  }
  return {};
}

// `side` is "input" or "output".
template <typename Tensors>
Result<> check_side(const Tensors& tensors, int max_batch_size, std::string_view side) {
  std::map<std::string, int> seen;
  for (int i = 0; i < tensors.size(); ++i) {
    const auto& tensor = tensors.Get(i);
    NESO_TRY_VOID(check_tensor(tensor, max_batch_size, side));
    const auto [first, is_new] = seen.emplace(tensor.name(), i);
    if (is_new) continue;
    return invalid_argument("model {} '{}' is declared twice, as {}[{}] and {}[{}]", side,
                            tensor.name(), side, first->second, side, i);
  }
  return {};
}

Result<> check_format(const inference::ModelInput& input) {
  if (input.format() != inference::ModelInput::FORMAT_NONE && input.dims_size() != 3) {
    return invalid_argument("model input NHWC/NCHW require 3 dims");
  }
  return {};
}

Result<> check_batch_inputs(const inference::ModelConfig& config,
                            const std::set<std::string>& inputs) {
  for (const auto& batch_input : config.batch_input()) {
    if (batch_input.source_input_size() != 1) {
      return invalid_argument("batch input kind '{}' expects 1 source input, got {}",
                              inference::BatchInput::Kind_Name(batch_input.kind()),
                              batch_input.source_input_size());
    }
    if (batch_input.data_type() != inference::TYPE_INT32 &&
        batch_input.data_type() != inference::TYPE_FP32) {
      return invalid_argument("batch input data type must be TYPE_INT32 or TYPE_FP32");
    }
    if (!inputs.contains(batch_input.source_input(0))) {
      return invalid_argument("unknown source input name '{}'", batch_input.source_input(0));
    }
  }
  return {};
}

Result<> check_batch_outputs(const inference::ModelConfig& config,
                             const std::set<std::string>& inputs) {
  std::set<std::string> outputs;
  for (const auto& output : config.output()) outputs.insert(output.name());
  for (const auto& batch_output : config.batch_output()) {
    if (batch_output.source_input_size() != 1) {
      return invalid_argument("batch output kind '{}' expects 1 source input, got {}",
                              inference::BatchOutput::Kind_Name(batch_output.kind()),
                              batch_output.source_input_size());
    }
    if (!inputs.contains(batch_output.source_input(0))) {
      return invalid_argument("unknown source input name '{}'", batch_output.source_input(0));
    }
    for (const std::string& target : batch_output.target_name()) {
      if (!outputs.contains(target))
        return invalid_argument("unknown target output name '{}'", target);
    }
  }
  return {};
}

Result<> check_all(const inference::ModelConfig& config) {
  NESO_TRY_VOID(check_side(config.input(), config.max_batch_size(), "input"));
  std::set<std::string> inputs;
  for (const auto& input : config.input()) {
    NESO_TRY_VOID(check_format(input));
    inputs.insert(input.name());
  }
  NESO_TRY_VOID(check_side(config.output(), config.max_batch_size(), "output"));
  NESO_TRY_VOID(check_batch_inputs(config, inputs));
  return check_batch_outputs(config, inputs);
}

}  // namespace

Result<> check_tensors(const inference::ModelConfig& config) {
  const auto checked = check_all(config);
  if (checked) return {};
  return Error{checked.error().code,
               fmt::format("{} for {}", checked.error().message, config.name())};
}

}  // namespace neso
