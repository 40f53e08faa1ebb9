// SPDX-License-Identifier: Apache-2.0
#include "engine/engine.h"

namespace neso {

std::string_view to_string(Precision precision) {
  switch (precision) {
    case Precision::Fp32:
      return "fp32";
  }
  return "unknown";
}

}  // namespace neso
