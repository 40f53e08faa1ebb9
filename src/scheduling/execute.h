// SPDX-License-Identifier: Apache-2.0
// One batch of jobs through an engine: gathers inputs, calls it once, takes the outputs apart.
#pragma once

#include <span>
#include <vector>

#include "base/clock.h"
#include "checkpoint/pooling_spec.h"
#include "engine/engine.h"
#include "scheduling/job.h"

namespace neso {

struct Executed {
  Execution execution;  // without an id
  Result<std::vector<Result<JobOutput>>>
      results;                // one per job, or why the batch as a whole failed
  bool engine_threw = false;  // its state is unknown: nothing was learned about the jobs
};

// `jobs` are of one group, or one alone. A row that is not finite fails alone. What an engine
// throws becomes Internal. Runs on the thread that has the engine; nothing is completed here.
Executed execute(Engine& engine, const PoolingSpec& pooling, std::span<const Job> jobs,
                 const Clock& clock);

}  // namespace neso
