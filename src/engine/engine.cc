// SPDX-License-Identifier: Apache-2.0
#include "engine/engine.h"

#include "base/error.h"

namespace neso {

std::string_view to_string(Precision precision) {
  switch (precision) {
    case Precision::Fp32:
      return "fp32";
    case Precision::Bf16:
      return "bf16";
    case Precision::Int8:
      return "int8";
  }
  return "unknown";
}

Result<Precision> parse_precision(std::string_view name) {
  for (const Precision precision : {Precision::Fp32, Precision::Bf16, Precision::Int8}) {
    if (name == to_string(precision)) return precision;
  }
  return invalid_argument("there is no precision '{}'; choose from fp32, bf16, int8", name);
}

}  // namespace neso
