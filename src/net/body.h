// SPDX-License-Identifier: Apache-2.0
// The body of a request: grown as its bytes come, then shared with whoever keeps a part of it.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace neso::net {

// Copies share the bytes, until one of them grows: it moves on its own then. Any thread may read a
// copy; one object is for one thread at a time.
class Body {
 public:
  // What an aligned byte's address is a multiple of: more than any tensor's element asks for.
  static constexpr size_t kAlignment = 64;

  Body() = default;
  Body(const Body&) = default;
  Body& operator=(const Body&) = default;
  // The other one is empty then.
  Body(Body&& other) noexcept { swap(other); }
  Body& operator=(Body&& other) noexcept {
    Body taken(std::move(other));
    swap(taken);
    return *this;
  }
  ~Body() = default;
  // Takes the text over.
  Body(std::string text);  // NOLINT(google-explicit-constructor): a text is a body

  // The byte at `place` shall be aligned, as far as the body gets there. Before the first append.
  void align_at(size_t place) { aligned_place_ = place; }
  // Doubles the memory when it is full, but never beyond what `most` bytes take.
  void append(std::string_view piece, size_t most);

  operator std::string_view() const { return view(); }  // NOLINT(google-explicit-constructor)
  std::string_view view() const { return {data_, size_}; }
  friend bool operator==(const Body& a, std::string_view b) { return a.view() == b; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  // Memory that it takes, but for some hundred bytes.
  size_t memory_bytes() const { return capacity_; }
  // Keeps the bytes where they are, whatever becomes of this object.
  std::shared_ptr<const void> owner() const { return memory_; }

 private:
  void move_to_block_of(size_t capacity);
  void swap(Body& other) noexcept;

  std::shared_ptr<void> memory_;
  char* data_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
  size_t aligned_place_ = 0;  // 0: nothing is to be aligned
};

}  // namespace neso::net
