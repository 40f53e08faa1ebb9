// SPDX-License-Identifier: Apache-2.0
// What config.pbtxt says in model_warmup: requests that run before a version is ready.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "tensor/dtype.h"
#include "tensor/shape.h"

namespace neso {

struct WarmupInput {
  enum class Source { None, Zeros, Random, File };
  DType dtype = DType::Fp32;
  Shape dims;  // without the batch dimension
  Source source = Source::None;
  std::string file;  // below the model's folder warmup/
};

struct WarmupSample {
  std::string name;
  uint32_t batch_size = 0;  // requests of one row that run together; 0: the sample is skipped
  uint32_t count = 1;       // how often
  std::map<std::string, WarmupInput> inputs;
};

}  // namespace neso
