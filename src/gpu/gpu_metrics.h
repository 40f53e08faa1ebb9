// SPDX-License-Identifier: Apache-2.0
// Triton's nv_gpu_* and nv_energy_consumption: the GPUs that this process may use, by NVML.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "gpu/gpu_devices.h"

namespace neso {

// The series are there while the result is held; none where there is no GPU. What a GPU does not
// tell has no series, and one that stops telling it shows NaN. The series of a GPU share a reading
// of at most that age. `clock` outlives them.
std::vector<std::shared_ptr<MetricSeries>> publish_gpu_metrics(MetricRegistry& metrics,
                                                               const Clock& clock,
                                                               int64_t interval_ns,
                                                               const GpuLibraries& libraries = {});

}  // namespace neso
