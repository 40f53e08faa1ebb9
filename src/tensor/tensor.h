// SPDX-License-Identifier: Apache-2.0
// Tensor: type, shape and bytes, immutable and cheap to copy (copies share the bytes). Row-major,
// little-endian. DType::Bytes holds Triton's wire form: per element a little-endian uint32 length,
// then the bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/result.h"
#include "tensor/dtype.h"
#include "tensor/shape.h"

namespace neso {

class Tensor {
 public:
  Tensor() = default;
  // Takes the buffer over. The caller has checked that the size fits type and shape.
  Tensor(DType dtype, Shape shape, std::vector<std::byte> bytes);
  // A view; `owner` keeps the memory alive.
  Tensor(DType dtype, Shape shape, std::span<const std::byte> bytes,
         std::shared_ptr<const void> owner);

  template <typename T>
  static Tensor from(DType dtype, Shape shape, std::span<const T> values) {
    std::vector<std::byte> bytes(values.size_bytes());
    if (!bytes.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
    return Tensor(dtype, std::move(shape), std::move(bytes));
  }
  // A Bytes tensor from its elements.
  static Tensor from_strings(Shape shape, std::span<const std::string> elements);

  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  std::span<const std::byte> bytes() const { return bytes_; }
  // Keeps the bytes where they are, whatever becomes of this object.
  const std::shared_ptr<const void>& owner() const { return owner_; }

  // The elements as T; sizeof(T) must be the element size. The bytes must be aligned for T (owned
  // buffers are).
  template <typename T>
  std::span<const T> as() const {
    NESO_CHECK(sizeof(T) == element_size(dtype_));
    NESO_CHECK(reinterpret_cast<uintptr_t>(bytes_.data()) % alignof(T) == 0);
    return {reinterpret_cast<const T*>(bytes_.data()), bytes_.size() / sizeof(T)};
  }

 private:
  DType dtype_ = DType::Fp32;
  Shape shape_;
  std::shared_ptr<const void> owner_;
  std::span<const std::byte> bytes_;
};

struct NamedTensor {
  std::string name;
  Tensor tensor;
};

// The elements of a Bytes tensor's wire form as views into it. Fails on a cut length or element,
// naming sizes.
Result<std::vector<std::string_view>> bytes_elements(std::span<const std::byte> wire);

}  // namespace neso
