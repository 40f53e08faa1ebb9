// SPDX-License-Identifier: Apache-2.0
// Our encoder on the CPU: packed sequences, no padding, weights shared between the copies of one
// model.
#pragma once

#include <cstddef>
#include <memory>

#include "checkpoint/checkpoint.h"
#include "engine/engine.h"
#include "simd/isa.h"

namespace neso {

class Profile;

struct CpuOptions {
  // Of one engine, the caller's included. 0: one per core this process may use, by affinity and
  // by the CPU quota of its control group.
  size_t threads = 0;
  Profile* profile = nullptr;  // gets the times of all operations; outlives the engine
};

// The weights of one model, packed for the products; immutable, shared by all engines made from it.
class CpuWeights;
// Reads and packs for an instruction set that the CPU has (simd/cpu.h). Refuses non-finite weights,
// naming the tensor. The checkpoint's files are not needed afterwards.
Result<std::shared_ptr<const CpuWeights>> load_cpu_weights(const Checkpoint& checkpoint,
                                                           Precision precision, Isa isa);

// One engine over them: can_encode only.
Result<std::unique_ptr<Engine>> make_cpu_engine(std::shared_ptr<const CpuWeights> weights,
                                                const CpuOptions& options);

}  // namespace neso
