// SPDX-License-Identifier: Apache-2.0
// What a GPU is doing, asked of NVML, which is opened at run time.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/result.h"
#include "gpu/gpu_devices.h"

namespace neso {

// Empty is what this GPU, or its driver, does not tell.
struct GpuReading {
  std::optional<double> utilization;  // 0 to 1: the share of the last moments with a kernel running
  std::optional<double> memory_total_bytes;
  std::optional<double> memory_used_bytes;
  std::optional<double> power_watts;
  std::optional<double> power_limit_watts;
  std::optional<double> energy_joules;  // since the driver was loaded
};

struct GpuMonitor {
  std::string uuid;                  // "GPU-..."
  std::function<GpuReading()> read;  // any thread
};

Result<GpuMonitor> monitor_gpu(const GpuDevice& gpu, const GpuLibraries& libraries = {});

}  // namespace neso
