// SPDX-License-Identifier: Apache-2.0
#include "api/triton/tensor_json.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "base/error.h"
#include "base/json_escape.h"

namespace neso::triton {
namespace {

constexpr size_t kShownBytes = 32;

std::string describe(const JsonScalar& value) {
  struct Describe {
    std::string operator()(std::nullptr_t) const { return "null"; }
    std::string operator()(bool flag) const { return flag ? "true" : "false"; }
    std::string operator()(int64_t number) const { return fmt::format("{}", number); }
    std::string operator()(uint64_t number) const { return fmt::format("{}", number); }
    std::string operator()(const JsonReal& number) const {
      if (number.written.size() <= kShownBytes) return std::string(number.written);
      return fmt::format("{}...", number.written.substr(0, kShownBytes));
    }
    std::string operator()(std::string_view text) const {
      return json_quoted(text.size() > kShownBytes ? text.substr(0, kShownBytes) : text);
    }
  };
  return std::visit(Describe{}, value);
}

}  // namespace

void ElementSink::reserve(size_t elements) {
  const size_t size = element_size(dtype_);
  if (size > 0 && elements <= max_bytes_ / size) bytes_.reserve(elements * size);
}

Result<> ElementSink::put(const void* data, size_t size) {
  if (size > max_bytes_ - bytes_.size()) {
    return too_large(
        "its data exceeds the maximum allowed value of {} bytes. Use --http-max-input-size to "
        "increase the limit.",
        max_bytes_);
  }
  const auto* begin = static_cast<const std::byte*>(data);
  bytes_.insert(bytes_.end(), begin, begin + size);
  return {};
}

Result<> ElementSink::refuse(const JsonScalar& value, std::string_view wanted) const {
  return invalid_argument("element {} is {}, but {} takes {}", count_, describe(value),
                          kserve_name(dtype_), wanted);
}

template <typename T>
Result<> ElementSink::append_integer(const JsonScalar& value) {
  using Limits = std::numeric_limits<T>;
  T element = 0;
  const auto* number = std::get_if<int64_t>(&value);
  const auto* large = std::get_if<uint64_t>(&value);
  if (number != nullptr && std::in_range<T>(*number)) {
    element = static_cast<T>(*number);
  } else if (large != nullptr && std::in_range<T>(*large)) {
    element = static_cast<T>(*large);
  } else {
    const bool is_real = std::holds_alternative<JsonReal>(value);
    return refuse(value,
                  fmt::format("whole numbers from {} to {}{}", +Limits::min(), +Limits::max(),
                              is_real ? ", written without point and exponent" : ""));
  }
  return put(&element, sizeof element);
}

Result<> ElementSink::append_number(const JsonScalar& value) {
  double number = 0;
  if (const auto* integer = std::get_if<int64_t>(&value)) {
    number = static_cast<double>(*integer);
  } else if (const auto* large = std::get_if<uint64_t>(&value)) {
    number = static_cast<double>(*large);
  } else if (const auto* real = std::get_if<JsonReal>(&value)) {
    number = real->value;
  } else {
    return refuse(value, "numbers");
  }
  if (dtype_ == DType::Fp64) return put(&number, sizeof number);
  const auto narrow = static_cast<float>(number);
  return put(&narrow, sizeof narrow);
}

Result<> ElementSink::append_string(const JsonScalar& value) {
  const auto* text = std::get_if<std::string_view>(&value);
  if (text == nullptr) return refuse(value, "strings");
  if (text->size() > std::numeric_limits<uint32_t>::max())
    return refuse(value, "strings below 4 GiB");
  const auto length = static_cast<uint32_t>(text->size());
  NESO_TRY_VOID(put(&length, sizeof length));
  return put(text->data(), text->size());
}

Result<> ElementSink::append(const JsonScalar& value) {
  Result<> result;
  switch (dtype_) {
    case DType::Bool: {
      const auto* flag = std::get_if<bool>(&value);
      if (flag == nullptr) return refuse(value, "true or false");
      const uint8_t byte = *flag ? 1 : 0;
      result = put(&byte, 1);
      break;
    }
    case DType::Uint8:
      result = append_integer<uint8_t>(value);
      break;
    case DType::Uint16:
      result = append_integer<uint16_t>(value);
      break;
    case DType::Uint32:
      result = append_integer<uint32_t>(value);
      break;
    case DType::Uint64:
      result = append_integer<uint64_t>(value);
      break;
    case DType::Int8:
      result = append_integer<int8_t>(value);
      break;
    case DType::Int16:
      result = append_integer<int16_t>(value);
      break;
    case DType::Int32:
      result = append_integer<int32_t>(value);
      break;
    case DType::Int64:
      result = append_integer<int64_t>(value);
      break;
    case DType::Fp32:
    case DType::Fp64:
      result = append_number(value);
      break;
    case DType::Bytes:
      result = append_string(value);
      break;
    case DType::Fp16:
    case DType::Bf16:
      return refuse(value, "binary data only");
  }
  if (result) ++count_;
  return result;
}

namespace {

template <typename T>
void write_integers(JsonWriter& writer, const Tensor& tensor) {
  writer.begin_array();
  for (const T element : tensor.as<T>()) {
    if constexpr (std::is_signed_v<T>) {
      writer.integer(element);
    } else {
      writer.unsigned_integer(element);
    }
  }
  writer.end_array();
}

}  // namespace

Result<> write_elements(JsonWriter& writer, const Tensor& tensor, ThreadPool* helpers) {
  switch (tensor.dtype()) {
    case DType::Bool:
      writer.begin_array();
      for (const uint8_t element : tensor.as<uint8_t>()) writer.boolean(element != 0);
      writer.end_array();
      return {};
    case DType::Uint8:
      write_integers<uint8_t>(writer, tensor);
      return {};
    case DType::Uint16:
      write_integers<uint16_t>(writer, tensor);
      return {};
    case DType::Uint32:
      write_integers<uint32_t>(writer, tensor);
      return {};
    case DType::Uint64:
      write_integers<uint64_t>(writer, tensor);
      return {};
    case DType::Int8:
      write_integers<int8_t>(writer, tensor);
      return {};
    case DType::Int16:
      write_integers<int16_t>(writer, tensor);
      return {};
    case DType::Int32:
      write_integers<int32_t>(writer, tensor);
      return {};
    case DType::Int64:
      write_integers<int64_t>(writer, tensor);
      return {};
    case DType::Fp32:
      writer.numbers(tensor.as<float>(), helpers);
      return {};
    case DType::Fp64:
      writer.begin_array();
      for (const double element : tensor.as<double>()) writer.number(element);
      writer.end_array();
      return {};
    case DType::Bytes: {
      NESO_TRY(const auto elements, bytes_elements(tensor.bytes()));
      writer.begin_array();
      for (const std::string_view element : elements) writer.string(element);
      writer.end_array();
      return {};
    }
    case DType::Fp16:
    case DType::Bf16:
      break;
  }
  return invalid_argument(
      "sending {} data via JSON is not supported. Please use the binary data format for output",
      kserve_name(tensor.dtype()));
}

}  // namespace neso::triton
