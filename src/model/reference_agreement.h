// SPDX-License-Identifier: Apache-2.0
// How near a model's vectors come to those that its folder brings along.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

#include "engine/agreement.h"

namespace neso {

struct ReferenceAgreement {
  Agreement cosines;  // rows are numbers of the file's vectors
  size_t vectors = 0;
  double bound = 0;
  std::filesystem::path file;
  std::string kernels;  // see EngineInfo
};

}  // namespace neso
