// SPDX-License-Identifier: Apache-2.0
#include "simd/cpu.h"

#if defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#include <string>

#include "base/error.h"

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

Result<Isa> choose_isa(std::string_view name) {
  const std::vector<Isa> isas = supported_isas();
  if (name.empty()) return isas.back();
  std::string list;
  for (const Isa isa : isas) {
    if (name == to_string(isa)) return isa;
    list += (list.empty() ? "" : ", ") + std::string(to_string(isa));
  }
  return invalid_argument("this machine has no instruction set '{}'; choose from {}", name, list);
}

}  // namespace neso
