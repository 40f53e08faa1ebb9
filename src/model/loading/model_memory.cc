// SPDX-License-Identifier: Apache-2.0
#include "model/loading/model_memory.h"

#include <algorithm>

#include "base/cores.h"
#include "base/error.h"
#include "engine/onnx/onnx_engine.h"
#include "tensor/shape.h"

namespace neso {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;
// Of one core, and of the block that the inner layer is computed in.
constexpr uint64_t kBatchTokens = 256;
// Activations of a token, in hidden sizes: states, context, sums, and three for query, key, value.
constexpr uint64_t kHiddenSizes = 6;

// Of a weight; in int8 that of an embedding, which is bf16.
uint64_t bytes_per_weight(Precision precision) {
  return precision == Precision::Fp32 ? sizeof(float) : sizeof(uint16_t);
}

MemoryNeed own_engine(const Checkpoint& checkpoint, Precision precision, size_t engines) {
  MemoryNeed need;
  for (const std::string& name : checkpoint.weights->names()) {
    const auto elements = element_count(checkpoint.weights->find(name)->shape);
    need.weights += static_cast<uint64_t>(elements.value_or(0)) * bytes_per_weight(precision);
  }
  const Architecture& a = checkpoint.architecture;
  if (precision == Precision::Int8) {
    // Of the layers' matrices bytes are kept.
    need.weights -= a.layers * a.linear_weights_per_layer() * (sizeof(uint16_t) - sizeof(int8_t));
  }
  const uint64_t cores = usable_cores();
  const uint64_t longest = checkpoint.max_tokens != 0 ? checkpoint.max_tokens : a.max_positions;
  const uint64_t tokens = engines * longest + cores * kBatchTokens;
  need.work =
      (tokens * kHiddenSizes * a.hidden + cores * kBatchTokens * a.intermediate) * sizeof(float);
  return need;
}

}  // namespace

MemoryNeed estimate_memory(const ModelFiles& files, const EngineUse& use) {
  MemoryNeed need;
  if (use.own) need = own_engine(*files.checkpoint, use.precision, use.engines);
  if (use.graph) {
    const auto bytes = onnx_model_bytes(files.onnx_model);
    // A file that cannot be read is refused by the engine, with the reason.
    if (bytes) need.weights += use.engines * *bytes;
  }
  return need;
}

Result<> reserve_memory(MemoryShare& share, const MemoryNeed& need, const MemoryBudget& budget) {
  if (share.resize(need.total())) return {};
  const uint64_t free = budget.free() + share.bytes();
  return overloaded(
      "it needs about {} MiB of memory ({} MiB for its weights, {} MiB for its work), but of the "
      "budget of {} MiB only {} MiB are free; serve fewer or smaller models, give the server more "
      "memory, or raise --memory-budget-mb",
      (need.total() + kMiB - 1) / kMiB, need.weights / kMiB, need.work / kMiB,
      budget.limit() / kMiB, free / kMiB);
}

}  // namespace neso
