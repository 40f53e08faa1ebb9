// SPDX-License-Identifier: Apache-2.0
// Memory for weights and activations: page-aligned, zeroed, in huge pages where the system has them
// (streaming weights through small pages costs a third of the bandwidth).
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "base/result.h"

namespace neso {

class FloatBuffer {
 public:
  FloatBuffer() = default;
  // The error says how much was asked for what `purpose`.
  static Result<FloatBuffer> allocate(size_t floats, std::string_view purpose);
  FloatBuffer(FloatBuffer&& other) noexcept;
  FloatBuffer& operator=(FloatBuffer&& other) noexcept;
  FloatBuffer(const FloatBuffer&) = delete;
  FloatBuffer& operator=(const FloatBuffer&) = delete;
  ~FloatBuffer();

  std::span<float> span() { return {data_, size_}; }
  std::span<const float> span() const { return {data_, size_}; }

 private:
  FloatBuffer(float* data, size_t size) : data_(data), size_(size) {}
  float* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace neso
