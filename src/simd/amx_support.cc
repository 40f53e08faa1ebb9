// SPDX-License-Identifier: Apache-2.0
#include "simd/amx_support.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include <cerrno>
#include <cstdint>
#include <cstring>

#include "base/error.h"

namespace neso {
namespace {

#if defined(__x86_64__)

// Tiles, and their products of bytes and of bf16. Not by __builtin_cpu_supports, whose names for
// them differ between compilers.
bool cpu_has_amx() {
  constexpr unsigned kBf16 = 1U << 22;
  constexpr unsigned kTile = 1U << 24;
  constexpr unsigned kInt8 = 1U << 25;
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  constexpr unsigned kAll = kBf16 | kTile | kInt8;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d & kAll) == kAll;
}

// Of a CPU with AVX-512 that the system has switched on, so that there is XGETBV.
bool system_saves_tiles() {
  constexpr uint32_t kTileState = 3U << 17;  // XTILECFG and XTILEDATA
  uint32_t low = 0;
  uint32_t high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (low & kTileState) == kTileState;
}

Result<> ask_for_amx() {
  if (!__builtin_cpu_supports("avx512bf16") || !__builtin_cpu_supports("avx512vnni") ||
      !cpu_has_amx()) {
    return unsupported(
        "this CPU lacks AMX's products of bf16 and int8, which Intel's Xeons have from Sapphire "
        "Rapids on");
  }
  if (!system_saves_tiles()) {
    return unsupported(
        "the CPU has AMX, but the system does not save its registers; Linux does from 5.16 on, a "
        "virtual machine where the host passes AMX through");
  }
  constexpr long kRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM
  constexpr long kTileData = 18;
  if (syscall(SYS_arch_prctl, kRequestPermission, kTileData) != 0) {
    return unsupported("the system refuses this process AMX's registers (arch_prctl: {})",
                       std::strerror(errno));
  }
  return {};
}

#else

Result<> ask_for_amx() {
  return unsupported("AMX is an extension of x86-64");
}

#endif

}  // namespace

const Result<>& amx_support() {
  static const Result<> answer = ask_for_amx();
  return answer;
}

}  // namespace neso
