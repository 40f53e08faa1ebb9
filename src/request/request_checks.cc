// SPDX-License-Identifier: Apache-2.0
#include "request/request_checks.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>
#include <unordered_map>

#include "base/error.h"

namespace neso {
namespace {

constexpr std::string_view kBatchNote =
    "NOTE: Setting a non-zero max_batch_size in the model config requires a batch dimension to be "
    "prepended to each input shape. If you want to specify the full shape including the batch dim "
    "in your input dims config, try setting max_batch_size to zero. See the model configuration "
    "docs for more info on max_batch_size.";

// Triton walks its inputs in the order of this very container, and its sentences name the first one
// that is wrong; so the same container gives the same sentence.
using Inputs = std::unordered_map<std::string, const NamedTensor*>;

const ModelTensor* find(const RequestRules& rules, const std::string& name) {
  const auto found = std::ranges::find(rules.inputs, name, &ModelTensor::name);
  return found == rules.inputs.end() ? nullptr : &*found;
}

std::string quoted_list(const std::vector<std::string>& names) {
  return fmt::format("'{}'", fmt::join(names, "','"));
}

Error wrong_count(const RequestRules& rules, const InferRequest& request, const Inputs& inputs,
                  size_t required) {
  std::vector<std::string> got;
  for (const auto& [name, input] : inputs) got.push_back(name);
  std::vector<std::string> missing;
  for (const ModelTensor& input : rules.inputs) {
    if (!input.optional && !inputs.contains(input.name)) missing.push_back(input.name);
  }
  const std::string expected = required == rules.inputs.size()
                                   ? fmt::format("expected {} inputs", required)
                                   : fmt::format("expected number of inputs between {} and {}",
                                                 required, rules.inputs.size());
  // The lone bracket of an empty list is Triton's.
  return invalid_argument(
      "{}{} but got {} inputs for model '{}'. Got input(s) [{}], but missing required input(s) "
      "{}]. "
      "Please provide all required input(s).",
      request_prefix(request.id), expected, inputs.size(), rules.model,
      got.empty() ? "" : quoted_list(got), missing.empty() ? "" : "[" + quoted_list(missing));
}

Result<int64_t> common_batch_size(const RequestRules& rules, const InferRequest& request,
                                  const Inputs& inputs) {
  int64_t batch = 0;
  for (const auto& [name, input] : inputs) {
    if (find(rules, name) == nullptr) {
      return invalid_argument("unexpected inference input '{}' for model '{}'", name, rules.model);
    }
    if (rules.max_batch_size == 0) continue;
    const Shape& shape = input->tensor.shape();
    if (shape.empty()) {
      return invalid_argument(
          "{}input '{}' has no shape but model requires batch dimension for '{}'",
          request_prefix(request.id), name, rules.model);
    }
    if (batch == 0) {
      batch = shape[0];
    } else if (shape[0] != batch) {
      return invalid_argument("{}input '{}' batch size does not match other inputs for '{}'",
                              request_prefix(request.id), name, rules.model);
    }
  }
  if (batch < 0 || batch > rules.max_batch_size) {
    return invalid_argument("{}inference request batch-size must be <= {} for '{}'",
                            request_prefix(request.id), rules.max_batch_size, rules.model);
  }
  return batch;
}

Result<> check_shape(const RequestRules& rules, const InferRequest& request,
                     const ModelTensor& declared, const NamedTensor& input) {
  std::span<const int64_t> sizes = input.tensor.shape();
  if (rules.max_batch_size > 0) sizes = sizes.subspan(1);
  if (sizes.size() == declared.dims.size() && std::ranges::find(sizes, -1) != sizes.end()) {
    return invalid_argument(
        "{}All input dimensions should be specified for input '{}' for model '{}', got {}",
        request_prefix(request.id), input.name, rules.model, shape_text(input.tensor.shape()));
  }
  if (shape_matches(declared.dims, sizes)) return {};
  Shape expected = declared.dims;
  if (rules.max_batch_size > 0) expected.insert(expected.begin(), -1);
  return invalid_argument(
      "{}unexpected shape for input '{}' for model '{}'. Expected {}, got {}. {}",
      request_prefix(request.id), input.name, rules.model, shape_text(expected),
      shape_text(input.tensor.shape()), rules.max_batch_size > 0 ? kBatchNote : "");
}

Result<> check_size(const RequestRules& rules, const InferRequest& request,
                    const NamedTensor& input, int64_t batch) {
  Shape shape = input.tensor.shape();
  if (rules.max_batch_size > 0) {
    // Without a batch size Triton counts one row.
    shape.front() = batch == 0 ? 1 : batch;
  }
  const auto count = element_count(shape);
  const auto size = static_cast<int64_t>(element_size(input.tensor.dtype()));
  int64_t expected = 0;
  if (!count || __builtin_mul_overflow(*count, size, &expected)) {
    const bool negative = std::ranges::any_of(shape, [](int64_t s) { return s < 0; });
    return invalid_argument("invalid shape for input '{}': shape {} {}", input.name,
                            shape_text(input.tensor.shape()),
                            negative ? "contains one or more invalid dimensions"
                                     : "causes total element count to exceed maximum size of "
                                       "9223372036854775807");
  }
  if (input.tensor.dtype() == DType::Bytes) {
    NESO_TRY_VOID(check_bytes_input(rules.model, request, input, *count));
    return {};
  }
  const size_t got = input.tensor.bytes().size();
  if (static_cast<uint64_t>(expected) != got) {
    return invalid_argument(
        "{}input byte size mismatch for input '{}' for model '{}'. Expected {}, got {}",
        request_prefix(request.id), input.name, rules.model, expected, got);
  }
  return {};
}

// `shape` with the sizes of `from` exchanged for those of `to`.
Shape exchanged(const Shape& from, const Shape& to, const Shape& shape, bool batched) {
  const size_t lead = batched ? 1 : 0;
  if (shape.size() != from.size() + lead) return shape;
  Shape out(shape.begin(), shape.begin() + static_cast<std::ptrdiff_t>(lead));
  size_t from_index = 0;
  for (const int64_t size : to) {
    if (size != -1) {
      out.push_back(size);
      continue;
    }
    while (from_index < from.size() && from[from_index] != -1) ++from_index;
    if (from_index == from.size()) return shape;
    out.push_back(shape[lead + from_index++]);
  }
  return out;
}

}  // namespace

RequestRules rules_of(const ModelConfig& config) {
  RequestRules rules{.model = config.name,
                     .max_batch_size = config.max_batch_size,
                     .inputs = config.inputs,
                     .outputs = {}};
  for (const ModelTensor& output : config.outputs) rules.outputs.push_back(output.name);
  return rules;
}

std::string request_prefix(std::string_view id) {
  return fmt::format("[request id: {}] ", id.empty() ? "<id_unknown>" : id);
}

Result<> check_duplicates(const InferRequest& request) {
  Inputs seen;
  for (const NamedTensor& input : request.inputs) {
    if (!seen.emplace(input.name, &input).second) {
      return invalid_argument("{}input '{}' already exists in request", request_prefix(request.id),
                              input.name);
    }
  }
  return {};
}

Result<std::vector<std::string>> check_outputs(const RequestRules& rules,
                                               const InferRequest& request) {
  if (request.outputs.empty()) return rules.outputs;
  std::vector<std::string> known = rules.outputs;
  known.insert(known.end(), rules.unlisted_outputs.begin(), rules.unlisted_outputs.end());
  for (const std::string& output : request.outputs) {
    if (std::ranges::find(known, output) == known.end()) {
      return invalid_argument("unexpected inference output '{}' for model '{}'", output,
                              rules.model);
    }
  }
  std::vector<std::string> wanted;
  for (const std::string& output : known) {
    if (std::ranges::find(request.outputs, output) != request.outputs.end()) {
      wanted.push_back(output);
    }
  }
  return wanted;
}

Result<int64_t> check_inputs(const RequestRules& rules, const InferRequest& request) {
  Inputs inputs;
  for (const NamedTensor& input : request.inputs) inputs.emplace(input.name, &input);
  const auto required = static_cast<size_t>(std::ranges::count_if(
      rules.inputs, [](const ModelTensor& input) { return !input.optional; }));
  if (inputs.size() < required || inputs.size() > rules.inputs.size()) {
    return wrong_count(rules, request, inputs, required);
  }
  NESO_TRY(const int64_t batch, common_batch_size(rules, request, inputs));
  for (const auto& [name, input] : inputs) {
    const ModelTensor& declared = *find(rules, name);
    if (input->tensor.dtype() != declared.dtype) {
      return invalid_argument(
          "{}inference input '{}' data-type is '{}', but model '{}' expects '{}'",
          request_prefix(request.id), name, kserve_name(input->tensor.dtype()), rules.model,
          kserve_name(declared.dtype));
    }
    NESO_TRY_VOID(check_shape(rules, request, declared, *input));
    NESO_TRY_VOID(check_size(rules, request, *input, batch));
  }
  return batch;
}

Result<std::vector<std::string_view>> check_bytes_input(std::string_view model,
                                                        const InferRequest& request,
                                                        const NamedTensor& input, int64_t count) {
  std::vector<std::string_view> elements;
  std::optional<Error> cut;
  std::span<const std::byte> rest = input.tensor.bytes();
  int64_t seen = 0;
  while (!rest.empty()) {
    uint32_t length = 0;
    if (rest.size() < sizeof(length)) {
      return invalid_argument(
          "{}incomplete string length indicator for inference input '{}' for model '{}', expecting "
          "4 "
          "bytes but only {} bytes available. Please make sure the string length indicator is in "
          "one "
          "buffer.",
          request_prefix(request.id), input.name, model, rest.size());
    }
    std::memcpy(&length, rest.data(), sizeof(length));
    rest = rest.subspan(sizeof(length));
    if (++seen > count) {
      return invalid_argument(
          "{}unexpected number of string elements {} for inference input '{}' for model '{}', "
          "expecting {}",
          request_prefix(request.id), seen, input.name, model, count);
    }
    if (rest.size() < length) {
      cut = invalid_argument(
          "incomplete string data for inference input '{}', expecting string of length {} but only "
          "{} "
          "bytes available",
          input.name, length, rest.size());
      break;
    }
    elements.emplace_back(reinterpret_cast<const char*>(rest.data()), length);
    rest = rest.subspan(length);
  }
  if (seen != count) {
    return invalid_argument(
        "{}expected {} string elements for inference input '{}' for model '{}', "
        "got {}",
        request_prefix(request.id), count, input.name, model, seen);
  }
  if (cut) return *cut;  // Triton counts before it looks inside
  return elements;
}

Shape graph_shape(const ModelTensor& declared, const Shape& shape, bool batched) {
  return declared.reshape ? exchanged(declared.dims, *declared.reshape, shape, batched) : shape;
}

Shape client_shape(const ModelTensor& declared, const Shape& shape, bool batched) {
  return declared.reshape ? exchanged(*declared.reshape, declared.dims, shape, batched) : shape;
}

}  // namespace neso
