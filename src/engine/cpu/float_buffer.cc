// SPDX-License-Identifier: Apache-2.0
#include "engine/cpu/float_buffer.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <limits>
#include <utility>

#include "base/error.h"

namespace neso {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;

size_t rounded_bytes(size_t floats) {
  const size_t bytes = floats * sizeof(float);
  const size_t page = bytes >= kHugePage ? kHugePage : size_t{4096};
  return (bytes + page - 1) / page * page;
}

// Memory at a multiple of a huge page: more than asked is mapped and the ends are given back.
void* map_aligned(size_t bytes) {
  const size_t mapped = bytes + kHugePage;
  void* address = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (address == MAP_FAILED) return nullptr;
  auto* begin = static_cast<std::byte*>(address);
  const size_t head = (kHugePage - reinterpret_cast<uintptr_t>(begin) % kHugePage) % kHugePage;
  if (head > 0) munmap(begin, head);
  if (head < kHugePage) munmap(begin + head + bytes, kHugePage - head);
  // Advice only: without huge pages everything works, slower.
  madvise(begin + head, bytes, MADV_HUGEPAGE);
  return begin + head;
}

}  // namespace

Result<FloatBuffer> FloatBuffer::allocate(size_t floats, std::string_view purpose) {
  if (floats == 0) return FloatBuffer();
  constexpr size_t kMost = std::numeric_limits<size_t>::max() / 4 / sizeof(float);
  void* data = floats <= kMost ? map_aligned(rounded_bytes(floats)) : nullptr;
  if (data == nullptr) {
    return overloaded("cannot get {} MiB of memory for {}: {}", (floats >> 20) * sizeof(float),
                      purpose, std::strerror(errno));
  }
  return FloatBuffer(static_cast<float*>(data), floats);
}

FloatBuffer::FloatBuffer(FloatBuffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

FloatBuffer& FloatBuffer::operator=(FloatBuffer&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

FloatBuffer::~FloatBuffer() {
  if (data_ != nullptr) munmap(data_, rounded_bytes(size_));
}

}  // namespace neso
