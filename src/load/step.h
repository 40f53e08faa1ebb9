// SPDX-License-Identifier: Apache-2.0
// One step of a run: a load for some seconds, on threads of its own, and what came of it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/result.h"
#include "load/protocol.h"
#include "load/ramp.h"
#include "load/server_process.h"
#include "load/tally.h"

namespace neso::load {

struct StepOptions {
  double seconds = 2;
  double warmup_seconds = 0.5;
  int64_t timeout_ns = 10'000'000'000;
  size_t threads = 1;
  size_t most_connections = 1024;  // of an open loop
  uint64_t seed = 1;
};

struct StepFigures {
  Loop loop = Loop::Closed;
  double load = 0;
  double seconds = 0;  // that were measured
  Tally tally;
  double requests_per_s = 0;  // good ones that ended within the measured time
  double client_busy = 0;     // share of the time that the busiest of our threads computed
  ServerUse server;           // while it was measured; empty when it cannot be seen
};

// A load of `load`: connections of a closed loop, or requests per second of an open one.
Result<StepFigures> run_step(const Protocol& protocol, Loop loop, double load,
                             const StepOptions& options, const ServerProcess& server);

}  // namespace neso::load
