// SPDX-License-Identifier: Apache-2.0
// Plays NVIDIA's libcuda.so.1 for tests: two GPUs, or as many as STAND_IN_GPUS says; -1:
// cuInit fails as it does without a GPU. Signatures: https://docs.nvidia.com/cuda/cuda-driver-api/
#include <cstdio>
#include <cstdlib>

namespace {

constexpr int kNoDevice = 100;       // CUDA_ERROR_NO_DEVICE
constexpr int kInvalidDevice = 101;  // CUDA_ERROR_INVALID_DEVICE

int count() {
  const char* text = std::getenv("STAND_IN_GPUS");
  return text != nullptr ? std::atoi(text) : 2;
}

bool is_device(int device) {
  return device >= 0 && device < count();
}

}  // namespace

extern "C" {

int cuInit(unsigned int) {
  return count() < 0 ? kNoDevice : 0;
}

int cuDeviceGetCount(int* out) {
  *out = count();
  return 0;
}

int cuDeviceGet(int* device, int ordinal) {
  *device = ordinal;
  return is_device(ordinal) ? 0 : kInvalidDevice;
}

int cuDeviceGetName(char* name, int size, int device) {
  std::snprintf(name, static_cast<size_t>(size), "Stand-in %c", 'A' + device);
  return is_device(device) ? 0 : kInvalidDevice;
}

int cuDeviceGetPCIBusId(char* id, int size, int device) {
  std::snprintf(id, static_cast<size_t>(size), "0000:%02d:00.0", 10 + device);
  return is_device(device) ? 0 : kInvalidDevice;
}

int cuGetErrorString(int error, const char** text) {
  *text = error == kNoDevice ? "no CUDA-capable device is detected" : nullptr;
  return 0;
}
}
