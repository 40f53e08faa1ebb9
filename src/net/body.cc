// SPDX-License-Identifier: Apache-2.0
#include "net/body.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>

namespace neso::net {

Body::Body(std::string text) {
  const auto owner = std::make_shared<std::string>(std::move(text));
  data_ = owner->data();
  size_ = owner->size();
  capacity_ = size_;
  memory_ = owner;
}

void Body::append(std::string_view piece, size_t most) {
  if (piece.empty()) return;
  const size_t size = size_ + piece.size();
  if (size > capacity_ || memory_.use_count() > 1)
    move_to_block_of(std::max(size, std::min(2 * size, most)));
  std::memcpy(data_ + size_, piece.data(), piece.size());
  size_ = size;
}

void Body::swap(Body& other) noexcept {
  memory_.swap(other.memory_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(capacity_, other.capacity_);
  std::swap(aligned_place_, other.aligned_place_);
}

void Body::move_to_block_of(size_t capacity) {
  const size_t slack = aligned_place_ == 0 ? 0 : kAlignment - 1;
  const auto block = std::make_shared_for_overwrite<char[]>(capacity + slack);
  const auto place = reinterpret_cast<uintptr_t>(block.get()) + aligned_place_;
  char* const data =
      block.get() + (slack == 0 ? 0 : (kAlignment - place % kAlignment) % kAlignment);
  if (size_ > 0) std::memcpy(data, data_, size_);
  data_ = data;
  capacity_ = capacity;
  memory_ = std::shared_ptr<void>(block, block.get());
}

}  // namespace neso::net
