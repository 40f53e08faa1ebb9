// SPDX-License-Identifier: Apache-2.0
#include "tensor/tensor.h"

#include <bit>
#include <limits>
#include <utility>

#include "base/error.h"

namespace neso {
namespace {

static_assert(std::endian::native == std::endian::little, "tensors are little-endian in memory");

constexpr size_t kLengthBytes = sizeof(uint32_t);

}  // namespace

Tensor::Tensor(DType dtype, Shape shape, std::vector<std::byte> bytes)
    : dtype_(dtype), shape_(std::move(shape)) {
  auto buffer = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
  bytes_ = *buffer;
  owner_ = std::move(buffer);
}

Tensor::Tensor(DType dtype, Shape shape, std::span<const std::byte> bytes,
               std::shared_ptr<const void> owner)
    : dtype_(dtype), shape_(std::move(shape)), owner_(std::move(owner)), bytes_(bytes) {}

Tensor Tensor::from_strings(Shape shape, std::span<const std::string> elements) {
  size_t total = 0;
  for (const std::string& element : elements) {
    NESO_CHECK(element.size() <= std::numeric_limits<uint32_t>::max());
    total += kLengthBytes + element.size();
  }
  std::vector<std::byte> wire(total);
  std::byte* out = wire.data();
  for (const std::string& element : elements) {
    const auto length = static_cast<uint32_t>(element.size());
    std::memcpy(out, &length, kLengthBytes);
    std::memcpy(out + kLengthBytes, element.data(), element.size());
    out += kLengthBytes + element.size();
  }
  return Tensor(DType::Bytes, std::move(shape), std::move(wire));
}

Result<std::vector<std::string_view>> bytes_elements(std::span<const std::byte> wire) {
  std::vector<std::string_view> elements;
  while (!wire.empty()) {
    if (wire.size() < kLengthBytes) {
      return invalid_argument(
          "incomplete string length indicator, expecting {} bytes but only {} bytes available",
          kLengthBytes, wire.size());
    }
    uint32_t length = 0;
    std::memcpy(&length, wire.data(), kLengthBytes);
    wire = wire.subspan(kLengthBytes);
    if (wire.size() < length) {
      return invalid_argument(
          "incomplete string data, expecting string of length {} but only {} bytes available",
          length, wire.size());
    }
    elements.emplace_back(reinterpret_cast<const char*>(wire.data()), length);
    wire = wire.subspan(length);
  }
  return elements;
}

}  // namespace neso
