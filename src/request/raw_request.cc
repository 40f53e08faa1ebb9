// SPDX-License-Identifier: Apache-2.0
#include "request/raw_request.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "base/error.h"
#include "request/request_checks.h"

namespace neso {
namespace {

// A Bytes tensor of one element.
Tensor one_element(Shape shape, std::span<const std::byte> content) {
  std::vector<std::byte> wire(sizeof(uint32_t) + content.size());
  const auto length = static_cast<uint32_t>(content.size());
  std::memcpy(wire.data(), &length, sizeof length);
  if (!content.empty()) std::memcpy(wire.data() + sizeof length, content.data(), content.size());
  return {DType::Bytes, std::move(shape), std::move(wire)};
}

// The config's dims with the variable one filled in from the number of bytes.
Result<Shape> deduce_dims(const ModelTensor& declared, size_t bytes, const InferRequest& request) {
  Shape dims = declared.dims;
  if (std::ranges::count(dims, -1) > 1) {
    return invalid_argument(
        "{}The shape of the raw input '{}' can not be deduced because there are more than one "
        "variable-sized dimension",
        request_prefix(request.id), declared.name);
  }
  const auto variable = std::ranges::find(dims, -1);
  if (variable != dims.end()) *variable = 1;
  const auto row = element_count(dims);
  const auto size = static_cast<int64_t>(element_size(declared.dtype));
  int64_t row_bytes = 0;
  const bool counts = row && !__builtin_mul_overflow(*row, size, &row_bytes) && row_bytes > 0;
  const auto held = static_cast<int64_t>(bytes);
  if (variable != dims.end() && counts) {
    *variable = held / row_bytes;
    row_bytes *= *variable;
  }
  if (counts && row_bytes == held) return dims;
  return invalid_argument(
      "{}input byte size mismatch for input 'raw_input' for model '{}'. Expected {}, got {}",
      request_prefix(request.id), request.model, row_bytes, bytes);
}

}  // namespace

Result<> describe_raw_input(const ModelConfig& config, InferRequest& request) {
  if (config.inputs.size() != 1) {
    return invalid_argument(
        "{}Raw request must only have 1 input (found {}) to be deduced but got {} inputs in '{}' "
        "model configuration",
        request_prefix(request.id), request.inputs.size(), config.inputs.size(), request.model);
  }
  const ModelTensor& declared = config.inputs.front();
  NamedTensor& input = request.inputs.front();
  if (declared.dtype == DType::Bytes) {
    if (declared.dims != Shape{1}) {
      return invalid_argument(
          "{}For BYTE datatype raw input '{}', the model must have input shape [1]",
          request_prefix(request.id), declared.name);
    }
    if (input.tensor.bytes().size() > UINT32_MAX) {
      return invalid_argument("{}the raw input '{}' has {} bytes; a string has {} at most",
                              request_prefix(request.id), declared.name,
                              input.tensor.bytes().size(), UINT32_MAX);
    }
    input.tensor =
        one_element(config.max_batch_size > 0 ? Shape{1, 1} : Shape{1}, input.tensor.bytes());
  } else {
    NESO_TRY(Shape shape, deduce_dims(declared, input.tensor.bytes().size(), request));
    if (config.max_batch_size > 0) shape.insert(shape.begin(), 1);
    const auto owner = std::make_shared<const Tensor>(std::move(input.tensor));
    input.tensor = Tensor(declared.dtype, std::move(shape), owner->bytes(), owner);
  }
  input.name = declared.name;
  return {};
}

}  // namespace neso
