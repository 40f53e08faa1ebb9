// SPDX-License-Identifier: Apache-2.0
// For tests: the n-th allocation of the program fails, on whichever thread it falls. It replaces
// the global operators, so exactly one source of a test program includes it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace neso {

class FailingAllocations {
 public:
  // While it lives, allocations of this thread are not counted.
  class Spared {
   public:
    Spared() { ++spared_; }
    ~Spared() { --spared_; }
    Spared(const Spared&) = delete;
    Spared& operator=(const Spared&) = delete;
  };

  // Far more than any request makes: where a loop over n ends that should have ended before.
  static constexpr int kMostOfARequest = 20'000;

  // The n-th allocation from now on fails, only that one. 0: none.
  static void fail(int64_t n) { left_.store(n); }
  // Whether it has failed.
  static bool failed() { return left_.load() <= 0; }

  static void count() {
    if (spared_ > 0 || left_.load(std::memory_order_relaxed) <= 0) return;
    if (left_.fetch_sub(1) == 1) throw std::bad_alloc();
  }

 private:
  static inline std::atomic<int64_t> left_{0};
  static inline thread_local int spared_ = 0;
};

}  // namespace neso

// NOLINTBEGIN: these are the allocator. Inlined apart from each other, the compiler would take them
// for a mismatch.
[[gnu::noinline]] void* operator new(std::size_t size) {
  neso::FailingAllocations::count();
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  try {
    return operator new(size);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
// NOLINTEND
