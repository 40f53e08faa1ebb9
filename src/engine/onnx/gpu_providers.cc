// SPDX-License-Identifier: Apache-2.0
// In the order of ONNX Runtime's documentation: options are created, updated once with all keys
// (which resets the others), appended, and released.
#include "engine/onnx/gpu_providers.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "engine/onnx/ort_error.h"

namespace neso {
namespace {

constexpr const char* kCudaProvider = "CUDAExecutionProvider";

// The functions of the table that set up one provider.
template <typename Options>
struct ProviderFunctions {
  OrtStatusPtr (*create)(Options**);
  void (*release)(Options*);
  OrtStatusPtr (*update)(Options*, const char* const*, const char* const*, size_t);
  OrtStatusPtr (*append)(OrtSessionOptions*, const Options*);
};

template <typename Options>
Result<> append(const OrtApi& api, OrtSessionOptions* session, const OnnxGpu::Settings& settings,
                const ProviderFunctions<Options>& provider) {
  std::vector<const char*> keys;
  std::vector<const char*> values;
  for (const auto& [key, value] : settings) {
    keys.push_back(key.c_str());
    values.push_back(value.c_str());
  }
  Options* raw = nullptr;
  NESO_TRY_VOID(ort_check(api, provider.create(&raw)));
  const OrtHandle<Options> options(raw, provider.release);
  NESO_TRY_VOID(ort_check(api, provider.update(raw, keys.data(), values.data(), keys.size())));
  return ort_check(api, provider.append(session, raw));
}

OnnxGpu::Settings on_device(OnnxGpu::Settings settings, int device) {
  settings["device_id"] = std::to_string(device);
  return settings;
}

}  // namespace

Result<std::vector<std::string>> available_providers(const OrtApi& api) {
  char** names = nullptr;
  int count = 0;
  NESO_TRY_VOID(ort_check(api, api.GetAvailableProviders(&names, &count)));
  std::vector<std::string> providers(names, names + count);
  NESO_TRY_VOID(ort_check(api, api.ReleaseAvailableProviders(names, count)));
  return providers;
}

Result<> check_cuda_provider(const OnnxRuntime& runtime) {
  NESO_TRY(const auto providers, available_providers(runtime.api()));
  if (std::ranges::find(providers, kCudaProvider) != providers.end()) return {};
  return unsupported(
      "ONNX Runtime {} was opened in a build for CPUs: take capi/libonnxruntime.so.* and "
      "capi/libonnxruntime_providers_*.so out of the PyPI wheel 'onnxruntime-gpu' and name the "
      "former with --onnxruntime-library",
      runtime.version());
}

Result<> append_gpu_providers(const OnnxRuntime& runtime, OrtSessionOptions* options,
                              const OnnxGpu& gpu) {
  const OrtApi& api = runtime.api();
  if (gpu.tensorrt) {
    NESO_TRY_VOID(append<OrtTensorRTProviderOptionsV2>(
        api, options, on_device(*gpu.tensorrt, gpu.device),
        {api.CreateTensorRTProviderOptions, api.ReleaseTensorRTProviderOptions,
         api.UpdateTensorRTProviderOptions,
         api.SessionOptionsAppendExecutionProvider_TensorRT_V2}));
  }
  return append<OrtCUDAProviderOptionsV2>(
      api, options, on_device(gpu.cuda, gpu.device),
      {api.CreateCUDAProviderOptions, api.ReleaseCUDAProviderOptions, api.UpdateCUDAProviderOptions,
       api.SessionOptionsAppendExecutionProvider_CUDA_V2});
}

}  // namespace neso
