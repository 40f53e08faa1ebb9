// SPDX-License-Identifier: Apache-2.0
// Functions, structures and units as NVML's manual has them:
// https://docs.nvidia.com/deploy/nvml-api/ (Initialization and Cleanup; Device Queries:
// nvmlDeviceGetHandleByPciBusId_v2, nvmlDeviceGetUUID, nvmlDeviceGetUtilizationRates,
// nvmlDeviceGetMemoryInfo, nvmlDeviceGetPowerUsage, nvmlDeviceGetPowerManagementLimit,
// nvmlDeviceGetTotalEnergyConsumption). NVML is thread-safe.
#include "gpu/gpu_monitor.h"

#include <array>
#include <utility>

#include "base/error.h"
#include "gpu/driver_library.h"

namespace neso {
namespace {

using NvmlReturn = int;    // an enumeration; 0 is NVML_SUCCESS
using NvmlDevice = void*;  // opaque
struct NvmlUtilization {   // nvmlUtilization_t
  unsigned int gpu = 0;    // percent
  unsigned int memory = 0;
};
struct NvmlMemory {  // nvmlMemory_t, bytes
  unsigned long long total = 0;
  unsigned long long free = 0;
  unsigned long long used = 0;
};

struct Nvml {
  NvmlReturn (*init)() = nullptr;
  const char* (*error_text)(NvmlReturn) = nullptr;
  NvmlReturn (*device)(const char* pci_bus_id, NvmlDevice*) = nullptr;
  NvmlReturn (*uuid)(NvmlDevice, char* text, unsigned int size) = nullptr;
  NvmlReturn (*utilization)(NvmlDevice, NvmlUtilization*) = nullptr;
  NvmlReturn (*memory)(NvmlDevice, NvmlMemory*) = nullptr;
  NvmlReturn (*power)(NvmlDevice, unsigned int* milliwatts) = nullptr;
  NvmlReturn (*power_limit)(NvmlDevice, unsigned int* milliwatts) = nullptr;
  NvmlReturn (*energy)(NvmlDevice, unsigned long long* millijoules) = nullptr;
};

Result<Nvml> open_nvml(const std::string& path) {
  NESO_TRY(const DriverLibrary library, DriverLibrary::open(path));
  Nvml nvml;
  NESO_TRY_VOID(library.find(nvml.init, "nvmlInit_v2"));
  NESO_TRY_VOID(library.find(nvml.error_text, "nvmlErrorString"));
  NESO_TRY_VOID(library.find(nvml.device, "nvmlDeviceGetHandleByPciBusId_v2"));
  NESO_TRY_VOID(library.find(nvml.uuid, "nvmlDeviceGetUUID"));
  NESO_TRY_VOID(library.find(nvml.utilization, "nvmlDeviceGetUtilizationRates"));
  NESO_TRY_VOID(library.find(nvml.memory, "nvmlDeviceGetMemoryInfo"));
  NESO_TRY_VOID(library.find(nvml.power, "nvmlDeviceGetPowerUsage"));
  NESO_TRY_VOID(library.find(nvml.power_limit, "nvmlDeviceGetPowerManagementLimit"));
  NESO_TRY_VOID(library.find(nvml.energy, "nvmlDeviceGetTotalEnergyConsumption"));
  return nvml;
}

Result<> check(const Nvml& nvml, NvmlReturn result) {
  if (result == 0) return {};
  const char* text = nvml.error_text(result);
  return not_found("NVML error {}: {}", result, text != nullptr ? text : "unknown");
}

// One number, scaled, where the device tells it.
template <typename Number>
std::optional<double> read_number(NvmlReturn (*function)(NvmlDevice, Number*), NvmlDevice device,
                                  double unit) {
  Number number = 0;
  if (function(device, &number) != 0) return std::nullopt;
  return static_cast<double>(number) * unit;
}

GpuReading read(const Nvml& nvml, NvmlDevice device) {
  constexpr double kMilli = 1e-3;
  GpuReading reading;
  NvmlUtilization utilization;
  if (nvml.utilization(device, &utilization) == 0) reading.utilization = utilization.gpu / 100.0;
  NvmlMemory memory;
  if (nvml.memory(device, &memory) == 0) {
    reading.memory_total_bytes = static_cast<double>(memory.total);
    reading.memory_used_bytes = static_cast<double>(memory.used);
  }
  reading.power_watts = read_number(nvml.power, device, kMilli);
  reading.power_limit_watts = read_number(nvml.power_limit, device, kMilli);
  reading.energy_joules = read_number(nvml.energy, device, kMilli);
  return reading;
}

}  // namespace

Result<GpuMonitor> monitor_gpu(const GpuDevice& gpu, const GpuLibraries& libraries) {
  NESO_TRY(const Nvml nvml, open_nvml(libraries.nvml));
  NESO_TRY_VOID(check(nvml, nvml.init()));  // counted, so once per GPU is fine
  NvmlDevice device = nullptr;
  NESO_TRY_VOID(check(nvml, nvml.device(gpu.pci_bus_id.c_str(), &device)));
  std::array<char, 96> uuid{};  // NVML_DEVICE_UUID_V2_BUFFER_SIZE
  NESO_TRY_VOID(
      check(nvml, nvml.uuid(device, uuid.data(), static_cast<unsigned int>(uuid.size()))));
  return GpuMonitor{.uuid = uuid.data(), .read = [nvml, device] { return read(nvml, device); }};
}

}  // namespace neso
