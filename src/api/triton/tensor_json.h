// SPDX-License-Identifier: Apache-2.0
// Tensor elements between JSON and memory: one value at a time into typed bytes, never one object
// per number. Stricter than Triton, which lets integers out of range wrap round: they are refused
// (docs/triton-differences.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/json_writer.h"
#include "base/result.h"
#include "tensor/tensor.h"

namespace neso::triton {

struct JsonReal {
  double value;
  std::string_view written;  // "1e2", as the client has it
};
using JsonScalar =
    std::variant<std::nullptr_t, bool, int64_t, uint64_t, JsonReal, std::string_view>;

// Collects the elements of one tensor. One thread.
class ElementSink {
 public:
  // max_bytes: TooLarge beyond it. dtype must not be FP16 or BF16, which JSON cannot carry.
  ElementSink(DType dtype, size_t max_bytes) : dtype_(dtype), max_bytes_(max_bytes) {}
  // InvalidArgument names the position, the value and the type.
  Result<> append(const JsonScalar& value);
  size_t count() const { return count_; }
  void reserve(size_t elements);
  std::vector<std::byte> take() { return std::move(bytes_); }

 private:
  template <typename T>
  Result<> append_integer(const JsonScalar& value);
  Result<> append_string(const JsonScalar& value);
  Result<> append_number(const JsonScalar& value);
  Result<> refuse(const JsonScalar& value, std::string_view wanted) const;
  Result<> put(const void* data, size_t size);

  DType dtype_;
  size_t max_bytes_;
  size_t count_ = 0;
  std::vector<std::byte> bytes_;
};

// The tensor's elements as one flat array. Unsupported for FP16 and BF16, with Triton's sentence.
Result<> write_elements(JsonWriter& writer, const Tensor& tensor, ThreadPool* helpers = nullptr);

}  // namespace neso::triton
