// SPDX-License-Identifier: Apache-2.0
#include "engine/onnx/ort_model.h"

#include <onnxruntime_run_options_config_keys.h>
#include <onnxruntime_session_options_config_keys.h>

#include <functional>
#include <string_view>
#include <utility>

#include "base/cores.h"
#include "base/error.h"
#include "base/log.h"
#include "engine/onnx/gpu_providers.h"
#include "engine/onnx/ort_error.h"
#include "engine/onnx/ort_value.h"

namespace neso {
namespace {

using OptionsHandle = OrtHandle<OrtSessionOptions>;

GraphOptimizationLevel optimization_level(int level) {
  switch (level) {
    case -1:
      return ORT_ENABLE_BASIC;
    case 1:
      return ORT_ENABLE_EXTENDED;
    case 2:
      return ORT_DISABLE_ALL;
    default:  // as Triton: any other number is the default
      return ORT_ENABLE_ALL;
  }
}

Result<OptionsHandle> session_options(const OrtApi& api, const OnnxOptions& options) {
  if (options.execution_mode != 0 && options.execution_mode != 1) {
    // Triton's words, double blank included.
    return invalid_argument(
        "Invalid configuration value provided. Expected values for  execution_mode are 0 or 1 but "
        "got {} .",
        options.execution_mode);
  }
  OrtSessionOptions* raw = nullptr;
  NESO_TRY_VOID(ort_check(api, api.CreateSessionOptions(&raw)));
  OptionsHandle handle(raw, api.ReleaseSessionOptions);
  NESO_TRY_VOID(
      ort_check(api, api.SetSessionExecutionMode(
                         raw, options.execution_mode == 0 ? ORT_SEQUENTIAL : ORT_PARALLEL)));
  NESO_TRY_VOID(ort_check(api, api.SetSessionGraphOptimizationLevel(
                                   raw, optimization_level(options.graph_optimization_level))));
  if (options.intra_op_threads > 0) {
    NESO_TRY_VOID(ort_check(api, api.SetIntraOpNumThreads(raw, options.intra_op_threads)));
  }
  if (options.inter_op_threads > 0) {
    NESO_TRY_VOID(ort_check(api, api.SetInterOpNumThreads(raw, options.inter_op_threads)));
  }
  NESO_TRY_VOID(ort_check(
      api, options.enable_mem_arena ? api.EnableCpuMemArena(raw) : api.DisableCpuMemArena(raw)));
  NESO_TRY_VOID(ort_check(
      api, options.enable_mem_pattern ? api.EnableMemPattern(raw) : api.DisableMemPattern(raw)));
  if (options.use_device_allocator_for_initializers) {
    NESO_TRY_VOID(ort_check(
        api,
        api.AddSessionConfigEntry(raw, kOrtSessionOptionsUseDeviceAllocatorForInitializers, "1")));
  }
  // Its threads spin between two operations; what they spend of a container's quota so, others
  // lack.
  if (cgroup_cores() != 0) {
    NESO_TRY_VOID(ort_check(
        api, api.AddSessionConfigEntry(raw, kOrtSessionOptionsConfigAllowIntraOpSpinning, "0")));
    NESO_TRY_VOID(ort_check(
        api, api.AddSessionConfigEntry(raw, kOrtSessionOptionsConfigAllowInterOpSpinning, "0")));
  }
  const int severity = log_verbose_enabled(1) ? ORT_LOGGING_LEVEL_INFO : ORT_LOGGING_LEVEL_WARNING;
  NESO_TRY_VOID(ort_check(api, api.SetSessionLogSeverityLevel(raw, severity)));
  // Only what check_onnx_file has read: never the library's own file format, whatever the file is
  // called.
  NESO_TRY_VOID(ort_check(
      api, api.AddSessionConfigEntry(raw, kOrtSessionOptionsConfigLoadModelFormat, "ONNX")));
  return handle;
}

// Of a run the library logs each failure, which its status tells, and each output whose declared
// shape is not true: a line or more per request. So it keeps silent unless all is wanted.
Result<OrtHandle<OrtRunOptions>> quiet_runs(const OrtApi& api, const OnnxOptions& options) {
  OrtRunOptions* raw = nullptr;
  NESO_TRY_VOID(ort_check(api, api.CreateRunOptions(&raw)));
  OrtHandle<OrtRunOptions> handle(raw, api.ReleaseRunOptions);
  const int severity = log_verbose_enabled(1) ? ORT_LOGGING_LEVEL_INFO : ORT_LOGGING_LEVEL_FATAL;
  NESO_TRY_VOID(ort_check(api, api.RunOptionsSetRunLogSeverityLevel(raw, severity)));
  if (!options.arena_shrinkage.empty()) {
    NESO_TRY_VOID(
        ort_check(api, api.AddRunConfigEntry(raw, kOrtRunOptionsConfigEnableMemoryArenaShrinkage,
                                             options.arena_shrinkage.c_str())));
  }
  return handle;
}

// The library's enumerations that are no tensors, as a user knows them.
std::string_view kind_name(ONNXType type) {
  switch (type) {
    case ONNX_TYPE_SEQUENCE:
      return "a sequence";
    case ONNX_TYPE_MAP:
      return "a map";
    case ONNX_TYPE_SPARSETENSOR:
      return "a sparse tensor";
    case ONNX_TYPE_OPTIONAL:
      return "an optional value";
    default:
      return "no tensor";
  }
}

// `role` is "input" or "output".
Result<TensorSpec> read_spec(const OrtApi& api, std::string name, std::string_view role,
                             const OrtTypeInfo* info) {
  ONNXType kind{};
  NESO_TRY_VOID(ort_check(api, api.GetOnnxTypeFromTypeInfo(info, &kind)));
  if (kind != ONNX_TYPE_TENSOR) {
    return unsupported(
        "{} '{}' of the model is {}; only models whose inputs and outputs are tensors can be "
        "served",
        role, name, kind_name(kind));
  }
  const OrtTensorTypeAndShapeInfo* tensor = nullptr;
  NESO_TRY_VOID(ort_check(api, api.CastTypeInfoToTensorInfo(info, &tensor)));
  ONNXTensorElementDataType type{};
  NESO_TRY_VOID(ort_check(api, api.GetTensorElementType(tensor, &type)));
  const auto dtype = dtype_of(type);
  if (!dtype) {
    return unsupported(
        "{} '{}' of the model has element type {} of ONNX's list, which no request can carry", role,
        name, static_cast<int>(type));
  }
  size_t rank = 0;
  NESO_TRY_VOID(ort_check(api, api.GetDimensionsCount(tensor, &rank)));
  Shape shape(rank);
  NESO_TRY_VOID(ort_check(api, api.GetDimensions(tensor, shape.data(), rank)));
  return TensorSpec{std::move(name), *dtype, std::move(shape)};
}

// The functions of the table that list one side of a model.
struct SideFunctions {
  std::string_view role;
  decltype(OrtApi::SessionGetInputCount) count;
  decltype(OrtApi::SessionGetInputName) name;
  decltype(OrtApi::SessionGetInputTypeInfo) type;
};

Result<std::vector<TensorSpec>> read_side(const OrtApi& api, const OrtSession* session,
                                          const SideFunctions& side) {
  OrtAllocator* allocator = nullptr;
  NESO_TRY_VOID(ort_check(api, api.GetAllocatorWithDefaultOptions(&allocator)));
  size_t count = 0;
  NESO_TRY_VOID(ort_check(api, side.count(session, &count)));
  std::vector<TensorSpec> specs;
  for (size_t i = 0; i < count; ++i) {
    char* raw_name = nullptr;
    NESO_TRY_VOID(ort_check(api, side.name(session, i, allocator, &raw_name)));
    std::string name = raw_name;
    NESO_TRY_VOID(ort_check(api, api.AllocatorFree(allocator, raw_name)));
    OrtTypeInfo* raw_type = nullptr;
    NESO_TRY_VOID(ort_check(api, side.type(session, i, &raw_type)));
    const OrtHandle<OrtTypeInfo> type(raw_type, api.ReleaseTypeInfo);
    NESO_TRY(auto spec, read_spec(api, std::move(name), side.role, raw_type));
    specs.push_back(std::move(spec));
  }
  return specs;
}

// An output that is an input, unchanged, is answered as a view of the input's bytes, which go
// before the answer does: copy it.
Tensor detached(Tensor output, std::span<const OrtInput> inputs) {
  const std::less<const std::byte*> before;
  const std::byte* data = output.bytes().data();
  for (const OrtInput& input : inputs) {
    const auto bytes = input.backing.bytes();
    if (!before(data, bytes.data()) && before(data, bytes.data() + bytes.size())) {
      return Tensor::from(output.dtype(), output.shape(), output.bytes());
    }
  }
  return output;
}

}  // namespace

Result<OrtModel> OrtModel::open(std::shared_ptr<const OnnxRuntime> runtime,
                                const std::filesystem::path& path, const OnnxOptions& options) {
  const OrtApi& api = runtime->api();
  NESO_TRY(const auto settings, session_options(api, options));
  if (options.gpu) NESO_TRY_VOID(append_gpu_providers(*runtime, settings.get(), *options.gpu));
  OrtSession* raw = nullptr;
  NESO_TRY_VOID(
      ort_check_load(api, api.CreateSession(runtime->env(), path.c_str(), settings.get(), &raw)));
  OrtHandle<OrtSession> session(raw, api.ReleaseSession);
  NESO_TRY(auto run_options, quiet_runs(api, options));
  OrtModel model(std::move(runtime), std::move(session), std::move(run_options));
  NESO_TRY_VOID(model.read_declarations());
  return model;
}

Result<> OrtModel::read_declarations() {
  const OrtApi& api = runtime_->api();
  NESO_TRY(inputs_, read_side(api, session_.get(),
                              {"input", api.SessionGetInputCount, api.SessionGetInputName,
                               api.SessionGetInputTypeInfo}));
  NESO_TRY(outputs_, read_side(api, session_.get(),
                               {"output", api.SessionGetOutputCount, api.SessionGetOutputName,
                                api.SessionGetOutputTypeInfo}));
  return {};
}

Result<std::vector<NamedTensor>> OrtModel::run(std::span<const NamedTensor> inputs,
                                               std::span<const std::string> outputs) {
  const OrtApi& api = runtime_->api();
  std::vector<OrtInput> values;
  std::vector<const char*> input_names;
  std::vector<const OrtValue*> input_values;
  for (const NamedTensor& input : inputs) {
    NESO_TRY(auto value, to_ort_value(*runtime_, input.tensor));
    values.push_back(std::move(value));
    input_names.push_back(input.name.c_str());
    input_values.push_back(values.back().value.get());
  }
  std::vector<const char*> output_names;
  for (const std::string& name : outputs) output_names.push_back(name.c_str());

  std::vector<OrtValue*> raw(outputs.size(), nullptr);
  auto status = ort_check_run(
      api, api.Run(session_.get(), run_options_.get(), input_names.data(), input_values.data(),
                   inputs.size(), output_names.data(), outputs.size(), raw.data()));
  std::vector<OrtHandle<OrtValue>> answers;
  for (OrtValue* value : raw) answers.emplace_back(value, api.ReleaseValue);
  if (!status) return std::move(status).error();

  std::vector<NamedTensor> results;
  for (size_t i = 0; i < outputs.size(); ++i) {
    NESO_TRY(Tensor tensor, from_ort_value(*runtime_, std::move(answers[i])));
    results.push_back({outputs[i], detached(std::move(tensor), values)});
  }
  return results;
}

}  // namespace neso
