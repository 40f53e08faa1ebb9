// SPDX-License-Identifier: Apache-2.0
// Functions and numbers as the CUDA Driver API's manual has them:
// https://docs.nvidia.com/cuda/cuda-driver-api/ (6.2 Initialization, 6.5 Device Management, 6.1
// Error Handling).
#include "gpu/gpu_devices.h"

#include <array>

#include "base/error.h"
#include "gpu/driver_library.h"

namespace neso {
namespace {

using CUresult = int;  // an enumeration; 0 is CUDA_SUCCESS
using CUdevice = int;

struct Driver {
  CUresult (*init)(unsigned int flags) = nullptr;
  CUresult (*device_count)(int* count) = nullptr;
  CUresult (*device)(CUdevice* device, int ordinal) = nullptr;
  CUresult (*name)(char* name, int size, CUdevice device) = nullptr;
  CUresult (*pci_bus_id)(char* id, int size, CUdevice device) = nullptr;
  CUresult (*error_text)(CUresult error, const char** text) = nullptr;
};

Result<Driver> open_driver(const std::string& path) {
  NESO_TRY(const DriverLibrary library, DriverLibrary::open(path));
  Driver driver;
  NESO_TRY_VOID(library.find(driver.init, "cuInit"));
  NESO_TRY_VOID(library.find(driver.device_count, "cuDeviceGetCount"));
  NESO_TRY_VOID(library.find(driver.device, "cuDeviceGet"));
  NESO_TRY_VOID(library.find(driver.name, "cuDeviceGetName"));
  NESO_TRY_VOID(library.find(driver.pci_bus_id, "cuDeviceGetPCIBusId"));
  NESO_TRY_VOID(library.find(driver.error_text, "cuGetErrorString"));
  return driver;
}

Result<> check(const Driver& driver, CUresult result) {
  if (result == 0) return {};
  const char* text = nullptr;
  driver.error_text(result, &text);  // leaves a null pointer for numbers that it does not know
  return not_found("CUDA error {}: {}", result, text != nullptr ? text : "unknown");
}

Result<GpuDevice> read_device(const Driver& driver, int id) {
  GpuDevice gpu{.id = id};
  CUdevice device = 0;
  NESO_TRY_VOID(check(driver, driver.device(&device, id)));
  std::array<char, 256> text{};
  constexpr int kSize = static_cast<int>(text.size());
  NESO_TRY_VOID(check(driver, driver.name(text.data(), kSize, device)));
  gpu.name = text.data();
  NESO_TRY_VOID(check(driver, driver.pci_bus_id(text.data(), kSize, device)));
  gpu.pci_bus_id = text.data();
  return gpu;
}

Result<std::vector<GpuDevice>> list_devices(const Driver& driver) {
  NESO_TRY_VOID(check(driver, driver.init(0)));
  int count = 0;
  NESO_TRY_VOID(check(driver, driver.device_count(&count)));
  std::vector<GpuDevice> gpus;
  for (int id = 0; id < count; ++id) {
    NESO_TRY(auto gpu, read_device(driver, id));
    gpus.push_back(std::move(gpu));
  }
  return gpus;
}

}  // namespace

Result<std::vector<GpuDevice>> find_gpus(const GpuLibraries& libraries) {
  const auto driver = open_driver(libraries.cuda);
  if (!driver) {
    return not_found(
        "NVIDIA's driver is not here ({}): install it, or start the container with its GPUs "
        "('docker run --gpus all')",
        driver.error().message);
  }
  auto gpus = list_devices(*driver);
  if (!gpus) {
    return not_found(
        "NVIDIA's driver gives no GPU ({}): see that nvidia-smi lists one and that "
        "CUDA_VISIBLE_DEVICES does not hide it",
        gpus.error().message);
  }
  if (gpus->empty()) {
    return not_found(
        "NVIDIA's driver lists no GPU: see that nvidia-smi lists one and that "
        "CUDA_VISIBLE_DEVICES does not hide it");
  }
  return gpus;
}

}  // namespace neso
