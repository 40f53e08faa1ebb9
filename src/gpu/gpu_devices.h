// SPDX-License-Identifier: Apache-2.0
// The NVIDIA GPUs that this process may use, asked of the driver, which is opened at run time.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace neso {

// Names for the loader, or paths.
struct GpuLibraries {
  std::string cuda = "libcuda.so.1";
  std::string nvml = "libnvidia-ml.so.1";
};

struct GpuDevice {
  int id = 0;  // as CUDA counts, after CUDA_VISIBLE_DEVICES: `gpus` of config.pbtxt means these
  std::string name;
  std::string pci_bus_id;  // by which NVML knows it; its own numbers may be others
};

// At least one. NotFound without a driver or a GPU: what is missing, and what to do. Any thread;
// the first call starts the driver, which may take a second.
Result<std::vector<GpuDevice>> find_gpus(const GpuLibraries& libraries = {});

}  // namespace neso
