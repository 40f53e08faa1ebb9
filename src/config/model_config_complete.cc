// SPDX-License-Identifier: Apache-2.0
// Fills in what a written config leaves open: first what the model's files tell, as Triton's ONNX
// Runtime backend does (triton: onnxruntime_backend, AutoCompleteConfig), then the defaults that
// Triton's core adds to every config.
#include <fmt/format.h>
#include <google/protobuf/repeated_field.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/error.h"
#include "base/log.h"
#include "config/model_config_message.h"

namespace neso {
namespace {

using Proto = inference::ModelConfig;

constexpr std::string_view kOnnxBackend = "onnxruntime";
constexpr std::string_view kOnnxPlatform = "onnxruntime_onnx";
constexpr std::string_view kOnnxFilename = "model.onnx";
constexpr std::string_view kOwnName = "neso";  // our platform and our backend alike

bool is_ensemble(const Proto& config) {
  return config.platform() == "ensemble";
}

void fill_backend(Proto& config, const ModelFacts& facts) {
  if (config.backend().empty()) {
    if (config.platform() == kOnnxPlatform ||
        (config.platform().empty() && config.default_model_filename() == kOnnxFilename)) {
      config.set_backend(std::string(kOnnxBackend));
    } else if (config.platform() == kOwnName) {
      config.set_backend(std::string(kOwnName));
    } else if (config.platform().empty()) {
      config.set_backend(facts.backend);
      config.set_platform(facts.platform);
    }
  }
  if (config.platform().empty()) {
    if (config.backend() == kOnnxBackend) config.set_platform(std::string(kOnnxPlatform));
    if (config.backend() == kOwnName) config.set_platform(std::string(kOwnName));
  }
  if (config.backend() == kOnnxBackend && config.default_model_filename().empty()) {
    config.set_default_model_filename(std::string(kOnnxFilename));
  }
}

Result<> check_backend(const Proto& config) {
  if (config.backend().empty()) {
    if (!config.platform().empty()) {
      return invalid_argument("unexpected platform type '{}' for {}", config.platform(),
                              config.name());
    }
    return invalid_argument(
        "Invalid model name: Could not determine backend for model '{}' with no backend in model "
        "configuration. Expected model name of the form 'model.<backend_name>'.",
        config.name());
  }
  if (config.backend() == kOnnxBackend || config.backend() == kOwnName) return {};
  return unsupported(
      "unable to find backend library for backend '{}', try specifying runtime on the model "
      "configuration. The backends of this server are onnxruntime and neso.",
      config.backend());
}

void fill_max_batch_size(Proto& config, int64_t default_max_batch_size) {
  config.set_max_batch_size(
      static_cast<int>(std::clamp<int64_t>(default_max_batch_size, 0, INT32_MAX)));
  if (config.backend() != "onnxruntime") return;  // Triton's default of 4 is worth a word, ours not
  log_warning(
      "autofilled max_batch_size to {} for model '{}' since batching is supporrted but no "
      "max_batch_size is specified in model configuration. Must specify max_batch_size to utilize "
      "autofill with a larger max batch size",
      config.max_batch_size(), config.name());
}

Result<> complete_batching(Proto& config, const ModelFacts& facts) {
  if (!facts.supports_batching) {
    if (config.max_batch_size() == 0) return {};
    return invalid_argument(
        "autofill failed for model '{}': model does not support batching while non-zero "
        "max_batch_size is specified",
        config.name());
  }
  if (config.max_batch_size() == 0) fill_max_batch_size(config, facts.default_max_batch_size);
  if (config.max_batch_size() > 1 &&
      config.scheduling_choice_case() == Proto::SCHEDULING_CHOICE_NOT_SET) {
    config.mutable_dynamic_batching();
  }
  return {};
}

// `leading_batch` puts back the batch dimension that the facts leave out, for a model that is not
// batched all the same.
template <typename Tensor>
Result<> add_tensor(google::protobuf::RepeatedPtrField<Tensor>& side, const ModelTensor& fact,
                    bool leading_batch, int max_batch_size) {
  Tensor& tensor = *side.Add();
  tensor.set_name(fact.name);
  inference::DataType type = inference::TYPE_INVALID;
  if (!inference::DataType_Parse(std::string(config_name(fact.dtype)), &type)) {
    return internal_error("tensor '{}' has a type without a name in config.pbtxt", fact.name);
  }
  tensor.set_data_type(type);
  if (leading_batch) tensor.add_dims(-1);
  for (const int64_t size : fact.dims) tensor.add_dims(size);
  if (tensor.dims().empty()) {  // a scalar, per item of a batch
    tensor.add_dims(1);
    if (max_batch_size > 0) tensor.mutable_reshape();
  }
  return {};
}

// The tensors of the graph that the server fills in or keeps for a sequence: no client sends them.
std::set<std::string> sequence_tensors(const Proto& config) {
  std::set<std::string> names;
  for (const auto& control : config.sequence_batching().control_input())
    names.insert(control.name());
  for (const auto& state : config.sequence_batching().state()) {
    names.insert(state.input_name());
    names.insert(state.output_name());
  }
  return names;
}

Result<> complete_tensors(Proto& config, const ModelFacts& facts) {
  const bool leading_batch = facts.supports_batching && config.max_batch_size() == 0;
  const std::set<std::string> own = sequence_tensors(config);
  const auto complete = [&](auto& side, const std::vector<ModelTensor>& known) -> Result<> {
    for (const ModelTensor& tensor : known) {
      if (own.contains(tensor.name)) continue;
      NESO_TRY_VOID(add_tensor(side, tensor, leading_batch, config.max_batch_size()));
    }
    return {};
  };
  if (config.input().empty() && config.batch_input().empty())
    NESO_TRY_VOID(complete(*config.mutable_input(), facts.inputs));
  if (config.output().empty()) NESO_TRY_VOID(complete(*config.mutable_output(), facts.outputs));
  return {};
}

Result<> complete_from_files(Proto& config, const ModelFacts& facts) {
  const bool has_inputs = !config.input().empty() || !config.batch_input().empty();
  if (has_inputs && !config.output().empty()) {
    log_verbose(
        1,
        "skipping model configuration auto-complete for '{}': inputs and outputs already specified",
        config.name());
    return {};
  }
  NESO_TRY_VOID(complete_batching(config, facts));
  return complete_tensors(config, facts);
}

Result<> check_is_complete(const Proto& config, const ModelFacts& facts) {
  const bool has_inputs = !config.input().empty() || !config.batch_input().empty();
  const auto missing = [&](std::string_view side, size_t provided) {
    return invalid_argument(
        "unable to load model '{}', configuration expects 0 {}s, model provides {}. Declare them "
        "in config.pbtxt, or start the server without --disable-auto-complete-config",
        config.name(), side, provided);
  };
  if (!has_inputs && !facts.inputs.empty()) return missing("input", facts.inputs.size());
  if (config.output().empty() && !facts.outputs.empty())
    return missing("output", facts.outputs.size());
  return {};
}

void fill_preferred_sizes(google::protobuf::RepeatedField<int>& sizes, int max_batch_size) {
  if (sizes.empty() && max_batch_size > 0) sizes.Add(max_batch_size);
}

void fill_scheduling(Proto& config) {
  if (config.has_dynamic_batching()) {
    fill_preferred_sizes(*config.mutable_dynamic_batching()->mutable_preferred_batch_size(),
                         config.max_batch_size());
  }
  if (!config.has_sequence_batching()) return;
  auto& batching = *config.mutable_sequence_batching();
  if (batching.max_sequence_idle_microseconds() == 0)
    batching.set_max_sequence_idle_microseconds(1'000'000);
  if (batching.has_oldest()) {
    fill_preferred_sizes(*batching.mutable_oldest()->mutable_preferred_batch_size(),
                         config.max_batch_size());
  }
}

// Without a GPU a group that asks for one keeps its word; whoever loads the model says what becomes
// of it.
void fill_instance_groups(Proto& config, const ModelFacts& facts) {
  if (config.instance_group().empty()) config.add_instance_group()->set_name(config.name());
  for (int i = 0; i < config.instance_group_size(); ++i) {
    inference::ModelInstanceGroup& group = *config.mutable_instance_group(i);
    if (group.name().empty()) group.set_name(fmt::format("{}_{}", config.name(), i));
    if (group.kind() == inference::ModelInstanceGroup::KIND_AUTO) {
      group.set_kind(group.gpus().empty() && facts.gpus.empty()
                         ? inference::ModelInstanceGroup::KIND_CPU
                         : inference::ModelInstanceGroup::KIND_GPU);
    }
    if (group.kind() == inference::ModelInstanceGroup::KIND_GPU && group.gpus().empty())
      group.mutable_gpus()->Add(facts.gpus.begin(), facts.gpus.end());
    const bool on_cpu = group.kind() == inference::ModelInstanceGroup::KIND_CPU;
    if (group.count() < 1) group.set_count(on_cpu ? std::max(facts.default_instance_count, 1) : 1);
  }
}

void fill_defaults(Proto& config, const ModelFacts& facts) {
  if (!config.has_version_policy())
    config.mutable_version_policy()->mutable_latest()->set_num_versions(1);
  fill_scheduling(config);
  if (is_ensemble(config)) {
    config.mutable_model_transaction_policy();
    return;
  }
  auto& optimization = *config.mutable_optimization();
  if (!optimization.has_input_pinned_memory())
    optimization.mutable_input_pinned_memory()->set_enable(true);
  if (!optimization.has_output_pinned_memory())
    optimization.mutable_output_pinned_memory()->set_enable(true);
  fill_instance_groups(config, facts);
}

}  // namespace

Result<ModelConfig> complete_model_config(const ModelConfig& written, const ModelFacts& facts,
                                          bool auto_complete) {
  NESO_CHECK(written.message != nullptr);
  Proto config = written.message->proto;
  if (!is_ensemble(config)) {
    fill_backend(config, facts);
    NESO_TRY_VOID(check_backend(config));
    NESO_TRY_VOID(auto_complete ? complete_from_files(config, facts)
                                : check_is_complete(config, facts));
  }
  fill_defaults(config, facts);
  NESO_TRY_VOID(check_config(config));
  ModelConfig completed = to_model_config(std::move(config));
  completed.not_honoured = written.not_honoured;
  completed.gpu_settings = written.gpu_settings;
  return completed;
}

}  // namespace neso
