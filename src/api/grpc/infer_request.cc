// SPDX-License-Identifier: Apache-2.0
#include "api/grpc/infer_request.h"

#include <algorithm>
#include <span>
#include <string>
#include <utility>

#include "api/grpc/infer_parameters.h"
#include "api/grpc/typed_contents.h"
#include "base/cut_text.h"
#include "base/error.h"

namespace neso::grpc_api {
namespace {

using inference::ModelInferRequest;
using Input = ModelInferRequest::InferInputTensor;
using Message = std::shared_ptr<const ModelInferRequest>;

// As in api/triton: far above any model's.
constexpr int kMaxTensors = 1024;
constexpr int kMaxDimensions = 64;
constexpr size_t kMaxIdBytes = 4096;

Result<> check_sizes(const ModelInferRequest& message) {
  if (message.id().size() > kMaxIdBytes) {
    return invalid_argument("'id' has {} bytes; at most {} are accepted", message.id().size(),
                            kMaxIdBytes);
  }
  if (message.inputs_size() > kMaxTensors)
    return invalid_argument("a request has at most {} inputs", kMaxTensors);
  if (message.outputs_size() > kMaxTensors)
    return invalid_argument("a request has at most {} outputs", kMaxTensors);
  for (const Input& input : message.inputs()) {
    if (input.shape_size() > kMaxDimensions) {
      return invalid_argument("'shape' of input '{}' has more than {} dimensions",
                              cut_text(input.name(), 256), kMaxDimensions);
    }
  }
  return {};
}

Result<DType> type_of(const Input& input) {
  if (const auto dtype = dtype_from_kserve(input.datatype())) return *dtype;
  return invalid_argument("input '{}' has datatype '{}', which is none of KServe's", input.name(),
                          cut_text(input.datatype(), 64));
}

Result<SharedSlice> slice_of(const SharedMemoryPlace& place, const SharedMemoryRegistry& memory) {
  // A negative number is one beyond every region.
  return memory.slice(place.region, static_cast<uint64_t>(place.offset),
                      static_cast<uint64_t>(place.byte_size));
}

Tensor raw_tensor(const Input& input, DType dtype, const std::string& bytes,
                  const Message& message) {
  return Tensor(dtype, Shape(input.shape().begin(), input.shape().end()),
                std::as_bytes(std::span(bytes)), message);
}

// Its bytes come later.
Result<NamedTensor> shared_tensor(const Input& input, const ModelInferRequest& message) {
  if (input.has_contents()) {
    return invalid_argument(
        "unexpected 'content' provided when using shared memory for input tensor '{}' for model "
        "'{}'",
        input.name(), message.model_name());
  }
  NESO_TRY(const DType dtype, type_of(input));
  return NamedTensor{input.name(),
                     Tensor(dtype, Shape(input.shape().begin(), input.shape().end()), {}, nullptr)};
}

// `next_raw` is the entry of raw_input_contents for the next input that needs one.
Result<Tensor> sent_tensor(const Input& input, const Message& message, int& next_raw) {
  if (input.has_contents()) {
    if (message->raw_input_contents_size() > 0) {
      return invalid_argument(
          "contents field must not be specified when using raw_input_contents for '{}' for model "
          "'{}'",
          input.name(), message->model_name());
    }
    const auto dtype = dtype_from_kserve(input.datatype());
    NESO_TRY(Tensor tensor, typed_tensor(input, dtype, message));
    if (dtype) return tensor;
  } else if (next_raw >= message->raw_input_contents_size()) {
    return invalid_argument("unable to find data for input tensor '{}' for model '{}' in request.",
                            input.name(), message->model_name());
  }
  NESO_TRY(const DType dtype, type_of(input));
  return raw_tensor(input, dtype, message->raw_input_contents(next_raw++), message);
}

Result<> read_inputs(const Message& message, const SharedMemoryRegistry& memory,
                     InferRequest& request) {
  request.inputs.reserve(static_cast<size_t>(message->inputs_size()));
  int next_raw = 0;
  for (const Input& input : message->inputs()) {
    NESO_TRY(const auto place, shared_memory_place(input.name(), input.parameters()));
    if (place) {
      NESO_TRY(NamedTensor tensor, shared_tensor(input, *message));
      NESO_TRY(SharedSlice slice, slice_of(*place, memory));
      request.shared_inputs.push_back({request.inputs.size(), std::move(slice)});
      request.inputs.push_back(std::move(tensor));
    } else {
      NESO_TRY(Tensor tensor, sent_tensor(input, message, next_raw));
      request.inputs.push_back({input.name(), std::move(tensor)});
    }
  }
  return {};
}

Result<> read_outputs(const ModelInferRequest& message, const SharedMemoryRegistry& memory,
                      InferRequest& request) {
  for (const auto& output : message.outputs()) {
    NESO_TRY(const auto place, shared_memory_place(output.name(), output.parameters()));
    NESO_TRY(const auto classes, classification(output.parameters()));
    if (place && classes) {
      return invalid_argument("output can't set both 'shared_memory_region' and 'classification'");
    }
    std::optional<SharedSlice> slice;
    if (place) {
      NESO_TRY(slice, slice_of(*place, memory));
    }
    // One that is asked for twice is answered once, as it was asked for first.
    if (std::ranges::find(request.outputs, output.name()) != request.outputs.end()) continue;
    request.outputs.push_back(output.name());
    if (classes)
      request.classifications.push_back({output.name(), static_cast<uint64_t>(*classes)});
    if (slice) request.shared_outputs.push_back({output.name(), *std::move(slice)});
  }
  return {};
}

}  // namespace

Result<InferRequest> decode_infer(const Message& message, std::optional<int64_t> version,
                                  const SharedMemoryRegistry& memory) {
  NESO_TRY_VOID(check_sizes(*message));
  NESO_TRY_VOID(check_request_parameters(message->parameters()));
  InferRequest request;
  request.model = message->model_name();
  request.version = version;
  request.id = message->id();
  request.sequence = sequence_step(message->parameters());
  request.priority = request_number(message->parameters(), "priority");
  request.timeout_us = request_number(message->parameters(), "timeout");
  NESO_TRY_VOID(read_inputs(message, memory, request));
  NESO_TRY_VOID(read_outputs(*message, memory, request));
  return request;
}

static void set_parameter(const ResponseParameter& value, inference::InferParameter& parameter) {
  std::visit(
      [&]<typename T>(const T& held) {
        if constexpr (std::is_same_v<T, bool>) {
          parameter.set_bool_param(held);
        } else if constexpr (std::is_same_v<T, int64_t>) {
          parameter.set_int64_param(held);
        } else if constexpr (std::is_same_v<T, double>) {
          parameter.set_double_param(held);
        } else {
          parameter.set_string_param(held);
        }
      },
      value);
}

inference::ModelInferResponse encode_infer(const InferResponse& response) {
  inference::ModelInferResponse message;
  message.set_model_name(response.model);
  message.set_model_version(std::to_string(response.version));
  message.set_id(response.id);
  for (const auto& [name, value] : response.parameters)
    set_parameter(value, (*message.mutable_parameters())[name]);
  for (const auto& [name, tensor] : response.outputs) {
    auto& output = *message.add_outputs();
    output.set_name(name);
    output.set_datatype(std::string(kserve_name(tensor.dtype())));
    output.mutable_shape()->Add(tensor.shape().begin(), tensor.shape().end());
  }
  return message;
}

}  // namespace neso::grpc_api
