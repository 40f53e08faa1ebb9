// SPDX-License-Identifier: Apache-2.0
// Plays a GPU build of ONNX Runtime for tests: the real library for CPUs, opened from
// NESO_REAL_ONNXRUNTIME, whose table answers for a CUDA and a TensorRT provider. A session gets
// neither and runs on the CPU. Each set-up of a provider is a line of the file STAND_IN_LOG:
// "CUDA device_id=0 gpu_mem_limit=1". STAND_IN_FAILS names the providers that cannot be set
// up, in the words of a library that finds no CUDA.
#include <dlfcn.h>
#include <onnxruntime_c_api.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <string>

namespace {

using Settings = std::map<std::string, std::string>;
OrtApi table;

std::string variable(const char* name) {
  const char* text = std::getenv(name);
  return text != nullptr ? text : "";
}

template <typename Options>
struct Provider {
  static inline const char* name = "";

  static OrtStatusPtr create(Options** out) noexcept {
    *out = reinterpret_cast<Options*>(new Settings);
    return nullptr;
  }
  static void release(Options* options) noexcept { delete reinterpret_cast<Settings*>(options); }
  static OrtStatusPtr update(Options* options, const char* const* keys, const char* const* values,
                             size_t count) noexcept {
    if (variable("STAND_IN_FAILS").find(name) != std::string::npos) {
      return table.CreateStatus(
          ORT_FAIL,
          "/onnxruntime_src/onnxruntime/core/session/provider_bridge_ort.cc:2043 "
          "onnxruntime::Provider& onnxruntime::ProviderLibrary::Get() [ONNXRuntimeError] : 1 : "
          "FAIL "
          ": Failed to load library /opt/gpu/libonnxruntime_providers.so with error: "
          "libcublasLt.so.13: cannot open shared object file: No such file or directory\n");
    }
    for (size_t i = 0; i < count; ++i) (*reinterpret_cast<Settings*>(options))[keys[i]] = values[i];
    return nullptr;
  }
  static OrtStatusPtr append(OrtSessionOptions*, const Options* options) noexcept {
    std::ofstream log(variable("STAND_IN_LOG"), std::ios::app);
    log << name;
    for (const auto& [key, value] : *reinterpret_cast<const Settings*>(options))
      log << ' ' << key << '=' << value;
    log << '\n';
    return nullptr;
  }
};
using Cuda = Provider<OrtCUDAProviderOptionsV2>;
using TensorRt = Provider<OrtTensorRTProviderOptionsV2>;

OrtStatusPtr providers(char*** names, int* count) noexcept {
  static const char* const kNames[] = {"TensorrtExecutionProvider", "CUDAExecutionProvider",
                                       "CPUExecutionProvider"};
  *names = const_cast<char**>(kNames);
  *count = 3;
  return nullptr;
}
OrtStatusPtr release_providers(char**, int) noexcept {
  return nullptr;
}

const OrtApiBase* real_base() {
  static const OrtApiBase* const base = [] {
    void* library = dlopen(NESO_REAL_ONNXRUNTIME, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (library == nullptr) std::abort();
    return reinterpret_cast<const OrtApiBase* (*)()>(dlsym(library, "OrtGetApiBase"))();
  }();
  return base;
}

const OrtApi* get_api(uint32_t version) noexcept {
  const OrtApi* real = real_base()->GetApi(version);
  if (version != ORT_API_VERSION || real == nullptr) return real;
  table = *real;
  Cuda::name = "CUDA";
  TensorRt::name = "TensorRT";
  table.GetAvailableProviders = providers;
  table.ReleaseAvailableProviders = release_providers;
  table.CreateCUDAProviderOptions = Cuda::create;
  table.ReleaseCUDAProviderOptions = Cuda::release;
  table.UpdateCUDAProviderOptions = Cuda::update;
  table.SessionOptionsAppendExecutionProvider_CUDA_V2 = Cuda::append;
  table.CreateTensorRTProviderOptions = TensorRt::create;
  table.ReleaseTensorRTProviderOptions = TensorRt::release;
  table.UpdateTensorRTProviderOptions = TensorRt::update;
  table.SessionOptionsAppendExecutionProvider_TensorRT_V2 = TensorRt::append;
  return &table;
}

const char* get_version() noexcept {
  return real_base()->GetVersionString();
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming)
extern "C" const OrtApiBase* OrtGetApiBase() noexcept {
  static const OrtApiBase base = {get_api, get_version};
  return &base;
}
