// SPDX-License-Identifier: Apache-2.0
// Plays NVIDIA's libnvidia-ml.so.1 for tests: the GPUs of the stand-in libcuda.so.1, counted the
// other way round, as NVML's own order may differ. GPU B knows no limit of its power and counts no
// energy. STAND_IN_MILLIJOULES is what GPU A has used; "lost": it tells nothing any more.
// Signatures: https://docs.nvidia.com/deploy/nvml-api/
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

constexpr int kNotSupported = 3;  // NVML_ERROR_NOT_SUPPORTED
constexpr int kNotFound = 6;      // NVML_ERROR_NOT_FOUND
constexpr int kLost = 15;         // NVML_ERROR_GPU_IS_LOST

struct Device {
  const char* pci_bus_id;
  const char* uuid;
  bool is_a;
};
Device devices[] = {{"0000:11:00.0", "GPU-bbbb", false}, {"0000:10:00.0", "GPU-aaaa", true}};

const Device& device_of(void* handle) {
  return *static_cast<Device*>(handle);
}

const char* millijoules() {
  const char* text = std::getenv("STAND_IN_MILLIJOULES");
  return text != nullptr ? text : "5000";
}

int state() {
  return std::strcmp(millijoules(), "lost") == 0 ? kLost : 0;
}

struct Utilization {
  unsigned int gpu;
  unsigned int memory;
};
struct Memory {
  unsigned long long total;
  unsigned long long free;
  unsigned long long used;
};

}  // namespace

extern "C" {

int nvmlInit_v2() {
  return 0;
}

const char* nvmlErrorString(int error) {
  return error == kNotFound ? "Not Found" : "Unknown Error";
}

int nvmlDeviceGetHandleByPciBusId_v2(const char* id, void** handle) {
  for (Device& device : devices) {
    if (std::strcmp(device.pci_bus_id, id) != 0) continue;
    *handle = &device;
    return 0;
  }
  return kNotFound;
}

int nvmlDeviceGetUUID(void* handle, char* uuid, unsigned int size) {
  std::snprintf(uuid, size, "%s", device_of(handle).uuid);
  return 0;
}

int nvmlDeviceGetUtilizationRates(void* handle, Utilization* utilization) {
  *utilization = {device_of(handle).is_a ? 25U : 50U, 1U};
  return state();
}

int nvmlDeviceGetMemoryInfo(void*, Memory* memory) {
  *memory = {1000, 400, 600};
  return state();
}

int nvmlDeviceGetPowerUsage(void* handle, unsigned int* milliwatts) {
  *milliwatts = device_of(handle).is_a ? 120'500U : 90'000U;
  return state();
}

int nvmlDeviceGetPowerManagementLimit(void* handle, unsigned int* milliwatts) {
  *milliwatts = 700'000U;
  return device_of(handle).is_a ? state() : kNotSupported;
}

int nvmlDeviceGetTotalEnergyConsumption(void* handle, unsigned long long* used) {
  *used = std::strtoull(millijoules(), nullptr, 10);
  return device_of(handle).is_a ? state() : kNotSupported;
}
}
