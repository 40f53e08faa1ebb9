// SPDX-License-Identifier: Apache-2.0
// What our engine computes in when nobody has chosen: the fastest precision that is faithful.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "checkpoint/checkpoint.h"
#include "engine/cpu/cpu_engine.h"
#include "engine/engine.h"
#include "simd/isa.h"

namespace neso {

// The least cosine to fp32 of a vector that counts as faithful.
inline constexpr double kFaithful = 0.9999;

struct FaithfulWeights {
  Precision precision = Precision::Fp32;
  std::string reason;  // for the log
  std::shared_ptr<const CpuWeights> weights;
};

// bf16 where it is faster (simd/cpu.h: multiplies_bf16) and faithful on probes of this model's own
// ids, else fp32. The checkpoint has weights, which are read two or three times, but are never in
// memory twice.
Result<FaithfulWeights> load_faithful_weights(const Checkpoint& checkpoint, Isa isa,
                                              bool bf16_is_faster);

}  // namespace neso
