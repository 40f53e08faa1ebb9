// SPDX-License-Identifier: Apache-2.0
// What a model version will take of the server's memory, estimated from its files before any of it
// is taken: too large a model is refused while all others go on serving.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/memory_budget.h"
#include "base/result.h"
#include "engine/engine.h"
#include "model/loading/model_files.h"

namespace neso {

struct MemoryNeed {
  uint64_t weights = 0;  // bytes
  uint64_t work = 0;     // activations of a full batch and of the longest text
  uint64_t total() const { return weights + work; }
};

// What a version runs on.
struct EngineUse {
  bool own = false;  // our own engine
  Precision precision = Precision::Fp32;
  bool graph = false;  // ONNX Runtime
  size_t engines = 1;
};

// Our own engine keeps one copy of the weights, in its precision. ONNX Runtime keeps one for each
// engine, as large as the file with its external data; its work is not known beforehand.
MemoryNeed estimate_memory(const ModelFiles& files, const EngineUse& use);

// Grows the model's share to the need, or says what is missing.
Result<> reserve_memory(MemoryShare& share, const MemoryNeed& need, const MemoryBudget& budget);

}  // namespace neso
