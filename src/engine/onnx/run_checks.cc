// SPDX-License-Identifier: Apache-2.0
#include "engine/onnx/run_checks.h"

#include <algorithm>
#include <optional>

#include "base/error.h"

namespace neso {
namespace {

std::string names_of(std::span<const TensorSpec> declared) {
  std::vector<std::string_view> names;
  for (const TensorSpec& spec : declared) names.push_back(spec.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

Result<> check_shape(const TensorSpec& spec, const Tensor& tensor) {
  // The library declares a tensor of unknown rank like a scalar, so those are left to its own
  // check.
  if (!spec.shape.empty() && !shape_matches(spec.shape, tensor.shape())) {
    return invalid_argument("input '{}' has shape {}, but the model takes {}", spec.name,
                            shape_text(tensor.shape()), shape_text(spec.shape));
  }
  return {};
}

Result<> check_size(const TensorSpec& spec, const Tensor& tensor) {
  const std::optional<int64_t> count = element_count(tensor.shape());
  if (!count) {
    return invalid_argument(
        "input '{}' has shape {}, whose sizes are negative or too large to multiply", spec.name,
        shape_text(tensor.shape()));
  }
  if (spec.dtype == DType::Bytes) {
    const auto elements = bytes_elements(tensor.bytes());
    if (!elements) return elements.error().with_context(fmt::format("input '{}'", spec.name));
    if (elements->size() != static_cast<size_t>(*count)) {
      return invalid_argument("input '{}' holds {} strings, but its shape {} needs {}", spec.name,
                              elements->size(), shape_text(tensor.shape()), *count);
    }
    return {};
  }
  int64_t bytes = 0;
  const bool overflow =
      __builtin_mul_overflow(*count, static_cast<int64_t>(element_size(spec.dtype)), &bytes);
  if (overflow || tensor.bytes().size() != static_cast<size_t>(bytes)) {
    return invalid_argument("input '{}' holds {} bytes, but shape {} of {} needs {}", spec.name,
                            tensor.bytes().size(), shape_text(tensor.shape()),
                            kserve_name(spec.dtype),
                            overflow ? "more than can be counted" : std::to_string(bytes));
  }
  return {};
}

Result<> check_input(const TensorSpec& spec, const Tensor& tensor) {
  if (tensor.dtype() != spec.dtype) {
    return invalid_argument("input '{}' is {}, but the model takes {}", spec.name,
                            kserve_name(tensor.dtype()), kserve_name(spec.dtype));
  }
  NESO_TRY_VOID(check_shape(spec, tensor));
  return check_size(spec, tensor);
}

}  // namespace

Result<> check_inputs(std::span<const TensorSpec> declared, std::span<const NamedTensor> inputs) {
  std::vector<bool> seen(declared.size());
  for (const NamedTensor& input : inputs) {
    const auto spec = std::ranges::find(declared, input.name, &TensorSpec::name);
    if (spec == declared.end()) {
      return invalid_argument("the model has no input '{}'; it takes {}", input.name,
                              names_of(declared));
    }
    const auto index = static_cast<size_t>(spec - declared.begin());
    if (seen[index]) return invalid_argument("input '{}' is given twice", input.name);
    seen[index] = true;
    NESO_TRY_VOID(check_input(*spec, input.tensor));
  }
  for (size_t i = 0; i < declared.size(); ++i) {
    if (!seen[i])
      return invalid_argument("input '{}' is missing; the model takes {}", declared[i].name,
                              names_of(declared));
  }
  return {};
}

Result<std::vector<std::string>> select_outputs(std::span<const TensorSpec> declared,
                                                std::span<const std::string> wanted) {
  std::vector<std::string> names;
  if (wanted.empty()) {
    for (const TensorSpec& spec : declared) names.push_back(spec.name);
    return names;
  }
  for (const std::string& name : wanted) {
    if (std::ranges::find(declared, name, &TensorSpec::name) == declared.end()) {
      return invalid_argument("the model has no output '{}'; it answers {}", name,
                              names_of(declared));
    }
    if (std::ranges::find(names, name) != names.end()) {
      return invalid_argument("output '{}' is asked for twice", name);
    }
    names.push_back(name);
  }
  return names;
}

}  // namespace neso
