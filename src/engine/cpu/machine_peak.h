// SPDX-License-Identifier: Apache-2.0
// What this machine can do at best, measured now: the roof that an engine's speed is a share of.
#pragma once

#include <cstddef>

#include "base/clock.h"
#include "base/result.h"
#include "checkpoint/architecture.h"
#include "engine/engine.h"
#include "simd/isa.h"
#include "tensor/token_batch.h"

namespace neso {

struct MachinePeak {
  double fp32_flops = 0;  // per second, all threads together; a multiply-add counts as two
  double bf16_flops = 0;
  double int8_ops = 0;
  double read_bytes = 0;  // per second, from main memory
};

// The higher of each.
MachinePeak higher(const MachinePeak& a, const MachinePeak& b);

// Multiplies registers and reads memory on `threads` threads at once, each kind for some 0.1 s, the
// best of several rounds. Fails when threads or memory cannot be had.
Result<MachinePeak> measure_peak(Isa isa, size_t threads, const Clock& clock);

// The time of one sequence if nothing but products took any: linear layers in the precision,
// attention in fp32 for fp32, else in bf16.
double roof_seconds(const MachinePeak& peak, const Architecture& architecture, Precision precision,
                    size_t tokens);
// Of all sequences of a batch.
double roof_seconds(const MachinePeak& peak, const Architecture& architecture, Precision precision,
                    const TokenBatch& batch);

}  // namespace neso
