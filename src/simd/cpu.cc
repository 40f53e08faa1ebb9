// SPDX-License-Identifier: Apache-2.0
#include "simd/cpu.h"

#if defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#include <string>

#include "base/error.h"
#include "base/log.h"
#include "simd/amx_support.h"
#include "simd/kernels.h"
#include "simd/product_proof.h"

namespace neso {

std::string_view to_string(Isa isa) {
  switch (isa) {
    case Isa::Generic:
      return "generic";
    case Isa::Avx2:
      return "avx2";
    case Isa::Avx512:
      return "avx512";
    case Isa::Avx512Vnni:
      return "avx512_vnni";
    case Isa::Avx512Bf16:
      return "avx512_bf16";
    case Isa::Avx512Amx:
      return "avx512_amx";
    case Isa::Neon:
      return "neon";
    case Isa::NeonDotprod:
      return "neon_dotprod";
    case Isa::NeonI8mm:
      return "neon_i8mm";
    case Isa::NeonBf16:
      return "neon_bf16";
  }
  return "unknown";
}

std::vector<Isa> supported_isas() {
  std::vector<Isa> isas = {Isa::Generic};
#if defined(__x86_64__)
  // The builtins also ask whether the operating system saves the registers.
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                      __builtin_cpu_supports("avx512bw");
  const bool vnni = avx512 && __builtin_cpu_supports("avx512vnni");
  const bool bf16 = vnni && __builtin_cpu_supports("avx512bf16");
  if (avx2) isas.push_back(Isa::Avx2);
  if (avx512) isas.push_back(Isa::Avx512);
  if (vnni) isas.push_back(Isa::Avx512Vnni);
  if (bf16) isas.push_back(Isa::Avx512Bf16);
  if (bf16 && amx_support()) isas.push_back(Isa::Avx512Amx);
#elif defined(__aarch64__)
  const unsigned long first = getauxval(AT_HWCAP);
  const unsigned long second = getauxval(AT_HWCAP2);
  const bool neon = (first & HWCAP_ASIMD) != 0;
  const bool dotprod = neon && (first & HWCAP_ASIMDDP) != 0;
  const bool i8mm = dotprod && (second & HWCAP2_I8MM) != 0;
  const bool bf16 = i8mm && (second & HWCAP2_BF16) != 0;
  if (neon) isas.push_back(Isa::Neon);
  if (dotprod) isas.push_back(Isa::NeonDotprod);
  if (i8mm) isas.push_back(Isa::NeonI8mm);
  if (bf16) isas.push_back(Isa::NeonBf16);
#endif
  return isas;
}

namespace {

// Why avx512_amx may not be chosen, if so. It has run on few kinds of CPU, so it has to show on
// this one, once, that it multiplies as avx512_bf16 does.
const Result<>& amx_usable() {
  static const Result<> usable = [] {
    if (!amx_support()) return amx_support();
    auto proven = prove_products(kernel_table(Isa::Avx512Amx), kernel_table(Isa::Avx512Bf16));
    if (!proven) {
      log_warning("avx512_amx fails its proof on this CPU and is not used: {}; please report this",
                  proven.error().message);
    }
    return proven;
  }();
  return usable;
}

// Intel's CPUs, measured on an Emerald Rapids: 85 against 168 GFLOP/s of one core (ADR 10). It
// matters where there is AVX512_BF16 without AMX: Cooper Lake, and virtual machines that hide AMX.
bool has_slow_bf16() {
#if defined(__x86_64__)
  return __builtin_cpu_is("intel");
#else
  return false;
#endif
}

}  // namespace

bool multiplies_bf16(Isa isa) {
  switch (isa) {
    case Isa::Avx512Bf16:
      return !has_slow_bf16();
    case Isa::Avx512Amx:
    case Isa::NeonBf16:
      return true;
    default:
      return false;
  }
}

Result<Isa> choose_isa(std::string_view name) {
  return choose_isa(name, {supported_isas(), amx_usable(), has_slow_bf16()});
}

Result<Isa> choose_isa(std::string_view name, const CpuFacts& cpu) {
  std::vector<Isa> isas = cpu.isas;
  if (!cpu.amx_usable) std::erase(isas, Isa::Avx512Amx);
  if (name.empty()) {
    const bool slow = isas.back() == Isa::Avx512Bf16 && cpu.slow_bf16;
    return slow ? Isa::Avx512Vnni : isas.back();
  }
  std::string list;
  for (const Isa isa : isas) {
    if (name == to_string(isa)) return isa;
    list += (list.empty() ? "" : ", ") + std::string(to_string(isa));
  }
  if (!cpu.amx_usable && name == to_string(Isa::Avx512Amx)) {
    return invalid_argument("avx512_amx cannot be used here: {}; choose from {}",
                            cpu.amx_usable.error().message, list);
  }
  return invalid_argument("this machine has no instruction set '{}'; choose from {}", name, list);
}

}  // namespace neso
