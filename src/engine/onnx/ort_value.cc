// SPDX-License-Identifier: Apache-2.0
#include "engine/onnx/ort_value.h"

#include <array>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include "base/error.h"
#include "engine/onnx/ort_error.h"

namespace neso {
namespace {

constexpr std::array<std::pair<DType, ONNXTensorElementDataType>, 14> kTypes = {{
    {DType::Bool, ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL},
    {DType::Uint8, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8},
    {DType::Uint16, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT16},
    {DType::Uint32, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32},
    {DType::Uint64, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT64},
    {DType::Int8, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8},
    {DType::Int16, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16},
    {DType::Int32, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32},
    {DType::Int64, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64},
    {DType::Fp16, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16},
    {DType::Fp32, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT},
    {DType::Fp64, ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE},
    {DType::Bf16, ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16},
    {DType::Bytes, ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING},
}};

ONNXTensorElementDataType element_type_of(DType dtype) {
  for (const auto& [ours, theirs] : kTypes) {
    if (ours == dtype) return theirs;
  }
  return ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
}

// Views into a request's body may start anywhere; the library's kernels read whole elements.
Tensor aligned(const Tensor& tensor) {
  const auto address = reinterpret_cast<uintptr_t>(tensor.bytes().data());
  if (address % element_size(tensor.dtype()) == 0) return tensor;
  return Tensor::from(tensor.dtype(), tensor.shape(), tensor.bytes());
}

Result<OrtInput> numbers_to_ort(const OnnxRuntime& runtime, const Tensor& tensor) {
  OrtInput input{aligned(tensor), {nullptr, runtime.api().ReleaseValue}};
  static std::byte nothing{};  // an empty tensor, too, must have an address
  const auto bytes = input.backing.bytes();
  // The library never writes to an input; its interface just lacks the const.
  auto* data = bytes.empty() ? &nothing : const_cast<std::byte*>(bytes.data());
  OrtValue* raw = nullptr;
  NESO_TRY_VOID(
      ort_check(runtime.api(), runtime.api().CreateTensorWithDataAsOrtValue(
                                   runtime.cpu_memory(), data, bytes.size(), tensor.shape().data(),
                                   tensor.shape().size(), element_type_of(tensor.dtype()), &raw)));
  input.value.reset(raw);
  return input;
}

Result<OrtInput> strings_to_ort(const OnnxRuntime& runtime, const Tensor& tensor) {
  const OrtApi& api = runtime.api();
  NESO_TRY(const auto elements, bytes_elements(tensor.bytes()));
  OrtAllocator* allocator = nullptr;
  NESO_TRY_VOID(ort_check(api, api.GetAllocatorWithDefaultOptions(&allocator)));
  OrtInput input{{}, {nullptr, api.ReleaseValue}};
  OrtValue* raw = nullptr;
  NESO_TRY_VOID(ort_check(
      api, api.CreateTensorAsOrtValue(allocator, tensor.shape().data(), tensor.shape().size(),
                                      ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING, &raw)));
  input.value.reset(raw);
  for (size_t i = 0; i < elements.size(); ++i) {
    char* buffer = nullptr;
    NESO_TRY_VOID(ort_check(
        api, api.GetResizedStringTensorElementBuffer(raw, i, elements[i].size(), &buffer)));
    if (!elements[i].empty()) std::memcpy(buffer, elements[i].data(), elements[i].size());
  }
  return input;
}

// The library hands out all strings end to end, with the offset of each.
Result<Tensor> strings_from_ort(const OrtApi& api, const OrtValue* value, Shape shape,
                                size_t count) {
  size_t total = 0;
  NESO_TRY_VOID(ort_check(api, api.GetStringTensorDataLength(value, &total)));
  std::string text(total, '\0');
  std::vector<size_t> offsets(count);
  if (count > 0) {
    NESO_TRY_VOID(ort_check(
        api, api.GetStringTensorContent(value, text.data(), total, offsets.data(), count)));
  }
  offsets.push_back(total);
  std::vector<std::byte> wire(total + count * sizeof(uint32_t));
  std::byte* out = wire.data();
  for (size_t i = 0; i < count; ++i) {
    const size_t size = offsets[i + 1] - offsets[i];
    if (size > std::numeric_limits<uint32_t>::max()) {
      return internal_error(
          "the model answers a string of {} bytes; the wire form holds at most {}", size,
          std::numeric_limits<uint32_t>::max());
    }
    const auto length = static_cast<uint32_t>(size);
    std::memcpy(out, &length, sizeof(length));
    std::memcpy(out + sizeof(length), text.data() + offsets[i], size);
    out += sizeof(length) + size;
  }
  return Tensor(DType::Bytes, std::move(shape), std::move(wire));
}

struct TypeAndShape {
  std::optional<DType> dtype;
  Shape shape;
  size_t count = 0;
};

Result<TypeAndShape> type_and_shape(const OrtApi& api, const OrtValue* value) {
  OrtTensorTypeAndShapeInfo* raw = nullptr;
  NESO_TRY_VOID(ort_check(api, api.GetTensorTypeAndShape(value, &raw)));
  const OrtHandle<OrtTensorTypeAndShapeInfo> info(raw, api.ReleaseTensorTypeAndShapeInfo);
  TypeAndShape result;
  ONNXTensorElementDataType type{};
  NESO_TRY_VOID(ort_check(api, api.GetTensorElementType(raw, &type)));
  result.dtype = dtype_of(type);
  size_t rank = 0;
  NESO_TRY_VOID(ort_check(api, api.GetDimensionsCount(raw, &rank)));
  result.shape.resize(rank);
  NESO_TRY_VOID(ort_check(api, api.GetDimensions(raw, result.shape.data(), rank)));
  NESO_TRY_VOID(ort_check(api, api.GetTensorShapeElementCount(raw, &result.count)));
  return result;
}

}  // namespace

std::optional<DType> dtype_of(ONNXTensorElementDataType type) {
  for (const auto& [ours, theirs] : kTypes) {
    if (theirs == type) return ours;
  }
  return std::nullopt;
}

Result<OrtInput> to_ort_value(const OnnxRuntime& runtime, const Tensor& tensor) {
  return tensor.dtype() == DType::Bytes ? strings_to_ort(runtime, tensor)
                                        : numbers_to_ort(runtime, tensor);
}

Result<Tensor> from_ort_value(const OnnxRuntime& runtime, OrtHandle<OrtValue> value) {
  const OrtApi& api = runtime.api();
  int is_tensor = 0;
  NESO_TRY_VOID(ort_check(api, api.IsTensor(value.get(), &is_tensor)));
  if (is_tensor == 0) return internal_error("the model answered something that is no tensor");
  NESO_TRY(auto info, type_and_shape(api, value.get()));
  if (!info.dtype)
    return internal_error("the model answered a tensor of a type that cannot be sent");
  if (*info.dtype == DType::Bytes)
    return strings_from_ort(api, value.get(), std::move(info.shape), info.count);

  void* data = nullptr;
  NESO_TRY_VOID(ort_check(api, api.GetTensorMutableData(value.get(), &data)));
  const std::span bytes(static_cast<const std::byte*>(data),
                        info.count * element_size(*info.dtype));
  return Tensor(*info.dtype, std::move(info.shape), bytes,
                std::shared_ptr<OrtValue>(std::move(value)));
}

}  // namespace neso
