// SPDX-License-Identifier: Apache-2.0
// Denormal numbers cost some CPUs a hundred cycles each and carry nothing in an encoder (tails of a
// softmax).
#pragma once

#include <cstdint>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace neso {

// While it lives, this thread's vector arithmetic flushes denormals to zero, as operands and as
// results (x86: FTZ and DAZ; arm64: FZ). Restores what was set.
class ScopedFlushDenormals {
 public:
  ScopedFlushDenormals() : saved_(control()) { set_control(saved_ | kFlush); }
  ~ScopedFlushDenormals() { set_control(saved_); }
  ScopedFlushDenormals(const ScopedFlushDenormals&) = delete;
  ScopedFlushDenormals& operator=(const ScopedFlushDenormals&) = delete;

 private:
#if defined(__x86_64__)
  using Control = uint32_t;
  static constexpr Control kFlush = 0x8040;
  static Control control() { return _mm_getcsr(); }
  static void set_control(Control value) { _mm_setcsr(value); }
#elif defined(__aarch64__)
  using Control = uint64_t;
  static constexpr Control kFlush = uint64_t{1} << 24;
  static Control control() {
    Control value;
    __asm__ volatile("mrs %0, fpcr" : "=r"(value));
    return value;
  }
  static void set_control(Control value) { __asm__ volatile("msr fpcr, %0" : : "r"(value)); }
#else
  using Control = uint32_t;
  static constexpr Control kFlush = 0;
  static Control control() { return 0; }
  static void set_control(Control) {}
#endif

  Control saved_;
};

}  // namespace neso
