// SPDX-License-Identifier: Apache-2.0
#include "api/grpc/typed_contents.h"

#include <cstring>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "base/error.h"

namespace neso::grpc_api {
namespace {

using google::protobuf::RepeatedField;
using google::protobuf::RepeatedPtrField;
using inference::ModelInferRequest;

// Looks at one field after the other; at most one may hold elements, and only the datatype's own.
class ContentsReader {
 public:
  ContentsReader(const ModelInferRequest::InferInputTensor& input, std::optional<DType> dtype,
                 std::shared_ptr<const ModelInferRequest> message)
      : input_(input), dtype_(dtype), message_(std::move(message)) {}

  Result<> read() {
    const inference::InferTensorContents& contents = input_.contents();
    NESO_TRY_VOID(alias(DType::Bool, contents.bool_contents()));
    NESO_TRY_VOID(read_narrow(contents.int_contents(), DType::Int8, DType::Int16, DType::Int32));
    NESO_TRY_VOID(alias(DType::Int64, contents.int64_contents()));
    NESO_TRY_VOID(
        read_narrow(contents.uint_contents(), DType::Uint8, DType::Uint16, DType::Uint32));
    NESO_TRY_VOID(alias(DType::Uint64, contents.uint64_contents()));
    NESO_TRY_VOID(alias(DType::Fp32, contents.fp32_contents()));
    NESO_TRY_VOID(alias(DType::Fp64, contents.fp64_contents()));
    return join_strings(contents.bytes_contents());
  }

  // After read().
  Tensor take(DType dtype, Shape shape) {
    if (!owned_.empty()) return Tensor(dtype, std::move(shape), std::move(owned_));
    return Tensor(dtype, std::move(shape), bytes_, std::move(message_));
  }

 private:
  Result<> accept(DType field) {
    if (std::exchange(found_, true)) {
      return invalid_argument(
          "unexpected explicit tensor data for input tensor '{}' for model '{}', binary data was "
          "already supplied.",
          input_.name(), message_->model_name());
    }
    if (dtype_ == field) return {};
    return invalid_argument(
        "unexpected explicit tensor data for input tensor '{}' for model '{}' of type '{}', "
        "expected datatype '{}'",
        input_.name(), message_->model_name(), kserve_name(field),
        dtype_ ? kserve_name(*dtype_) : "<invalid>");
  }

  template <typename T>
  Result<> alias(DType field, const RepeatedField<T>& values) {
    if (values.empty()) return {};
    NESO_TRY_VOID(accept(field));
    bytes_ = std::as_bytes(std::span(values.data(), static_cast<size_t>(values.size())));
    return {};
  }

  // 8 and 16 bit integers ride in a 32 bit field; their low bytes count, whatever is above.
  template <typename T>
  Result<> read_narrow(const RepeatedField<T>& values, DType one_byte, DType two_bytes,
                       DType four_bytes) {
    if (values.empty()) return {};
    if (dtype_ != one_byte && dtype_ != two_bytes) return alias(four_bytes, values);
    NESO_TRY_VOID(accept(*dtype_));
    const size_t size = element_size(*dtype_);
    owned_.resize(static_cast<size_t>(values.size()) * size);
    std::byte* out = owned_.data();
    for (const T value : values) {
      std::memcpy(out, &value, size);
      out += size;
    }
    return {};
  }

  Result<> join_strings(const RepeatedPtrField<std::string>& elements) {
    if (elements.empty()) return {};
    NESO_TRY_VOID(accept(DType::Bytes));
    size_t total = 0;
    for (const std::string& element : elements) total += sizeof(uint32_t) + element.size();
    owned_.resize(total);
    std::byte* out = owned_.data();
    for (const std::string& element : elements) {
      // A message, and so each of its strings, has less than 2^31 bytes.
      const auto length = static_cast<uint32_t>(element.size());
      std::memcpy(out, &length, sizeof length);
      std::memcpy(out + sizeof length, element.data(), element.size());
      out += sizeof length + element.size();
    }
    return {};
  }

  const ModelInferRequest::InferInputTensor& input_;
  const std::optional<DType> dtype_;
  std::shared_ptr<const ModelInferRequest> message_;
  bool found_ = false;
  std::span<const std::byte> bytes_;
  std::vector<std::byte> owned_;
};

}  // namespace

Result<Tensor> typed_tensor(const ModelInferRequest::InferInputTensor& input,
                            std::optional<DType> dtype,
                            const std::shared_ptr<const ModelInferRequest>& message) {
  ContentsReader reader(input, dtype, message);
  NESO_TRY_VOID(reader.read());
  return reader.take(dtype.value_or(DType::Bytes),
                     Shape(input.shape().begin(), input.shape().end()));
}

}  // namespace neso::grpc_api
