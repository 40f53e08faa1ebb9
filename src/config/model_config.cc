// SPDX-License-Identifier: Apache-2.0
#include "config/model_config.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "config/model_config_message.h"

namespace neso {
namespace {

constexpr size_t kMaxFileBytes = size_t{1} << 20;

// The tensor types of config.pbtxt are those of DType; check_tensors has refused TYPE_INVALID.
template <typename Tensor>
ModelTensor to_tensor(const Tensor& proto) {
  ModelTensor tensor;
  tensor.name = proto.name();
  tensor.dtype =
      dtype_from_config(inference::DataType_Name(proto.data_type())).value_or(DType::Fp32);
  tensor.dims.assign(proto.dims().begin(), proto.dims().end());
  if (proto.has_reshape()) {
    tensor.reshape.emplace(proto.reshape().shape().begin(), proto.reshape().shape().end());
  }
  return tensor;
}

InstanceKind to_kind(inference::ModelInstanceGroup::Kind kind) {
  switch (kind) {
    case inference::ModelInstanceGroup::KIND_GPU:
      return InstanceKind::Gpu;
    case inference::ModelInstanceGroup::KIND_CPU:
      return InstanceKind::Cpu;
    case inference::ModelInstanceGroup::KIND_MODEL:
      return InstanceKind::Model;
    default:
      return InstanceKind::Auto;
  }
}

InstanceResources to_resources(const inference::ModelRateLimiter& proto) {
  InstanceResources resources{.priority = proto.priority()};
  for (const auto& need : proto.resources())
    resources.needs.push_back(
        {.name = need.name(), .global = need.global(), .count = need.count()});
  return resources;
}

InstanceGroup to_group(const inference::ModelInstanceGroup& proto) {
  return {.name = proto.name(),
          .kind = to_kind(proto.kind()),
          .count = std::max(proto.count(), 0),
          .gpus = {proto.gpus().begin(), proto.gpus().end()},
          .host_policy = proto.host_policy(),
          .resources = to_resources(proto.rate_limiter())};
}

EnsembleStep to_step(const inference::ModelEnsembling::Step& proto) {
  EnsembleStep step{.model = proto.model_name(),
                    .input_map = {proto.input_map().begin(), proto.input_map().end()},
                    .output_map = {proto.output_map().begin(), proto.output_map().end()}};
  if (proto.model_version() > 0) step.version = proto.model_version();
  return step;
}

WarmupSample to_warmup_sample(const inference::ModelWarmup& proto) {
  using Input = inference::ModelWarmup::Input;
  WarmupSample sample{
      .name = proto.name(), .batch_size = proto.batch_size(), .count = std::max(proto.count(), 1U)};
  for (const auto& [name, input] : proto.inputs()) {
    WarmupInput& made = sample.inputs[name];
    made.dtype =
        dtype_from_config(inference::DataType_Name(input.data_type())).value_or(DType::Fp32);
    made.dims.assign(input.dims().begin(), input.dims().end());
    made.file = input.input_data_file();
    if (input.input_data_type_case() == Input::kZeroData) made.source = WarmupInput::Source::Zeros;
    if (input.input_data_type_case() == Input::kRandomData)
      made.source = WarmupInput::Source::Random;
    if (input.input_data_type_case() == Input::kInputDataFile)
      made.source = WarmupInput::Source::File;
  }
  return sample;
}

VersionPolicy to_version_policy(const inference::ModelConfig& proto) {
  if (!proto.has_version_policy()) return {};
  const inference::ModelVersionPolicy& policy = proto.version_policy();
  if (policy.has_latest())
    return {.kind = VersionPolicy::Kind::Latest, .latest = policy.latest().num_versions()};
  if (policy.has_specific()) {
    const auto& versions = policy.specific().versions();
    return {.kind = VersionPolicy::Kind::Specific, .specific = {versions.begin(), versions.end()}};
  }
  return {.kind = VersionPolicy::Kind::All};
}

QueuePolicy to_policy(const inference::ModelQueuePolicy& policy) {
  const bool delays = policy.timeout_action() == inference::ModelQueuePolicy::DELAY;
  return {.timeout_action =
              delays ? QueuePolicy::TimeoutAction::Delay : QueuePolicy::TimeoutAction::Reject,
          .default_timeout_us = policy.default_timeout_microseconds(),
          .allow_timeout_override = policy.allow_timeout_override(),
          .max_queue_size = policy.max_queue_size()};
}

DynamicBatching to_batching(const inference::ModelDynamicBatching& proto) {
  DynamicBatching batching;
  batching.preferred_batch_sizes = {proto.preferred_batch_size().begin(),
                                    proto.preferred_batch_size().end()};
  batching.max_queue_delay_us = proto.max_queue_delay_microseconds();
  batching.preserve_ordering = proto.preserve_ordering();
  batching.priority_levels = proto.priority_levels();
  batching.default_priority_level = proto.default_priority_level();
  batching.default_queue_policy = to_policy(proto.default_queue_policy());
  for (const auto& [level, policy] : proto.priority_queue_policy())
    batching.priority_queue_policies.emplace(level, to_policy(policy));
  return batching;
}

const ModelTensor* find_tensor(const std::vector<ModelTensor>& tensors, std::string_view name) {
  const auto found = std::find_if(tensors.begin(), tensors.end(),
                                  [&](const ModelTensor& tensor) { return tensor.name == name; });
  return found == tensors.end() ? nullptr : &*found;
}

}  // namespace

ModelConfig to_model_config(inference::ModelConfig proto) {
  ModelConfig config;
  config.name = proto.name();
  config.platform = proto.platform();
  config.backend = proto.backend();
  config.default_model_filename = proto.default_model_filename();
  config.max_batch_size = proto.max_batch_size();
  for (const auto& input : proto.input()) {
    ModelTensor& tensor = config.inputs.emplace_back(to_tensor(input));
    tensor.optional = input.optional();
    tensor.allow_ragged_batch = input.allow_ragged_batch();
  }
  for (const auto& output : proto.output()) {
    config.outputs.emplace_back(to_tensor(output)).label_filename = output.label_filename();
  }
  for (const auto& group : proto.instance_group())
    config.instance_groups.push_back(to_group(group));
  if (proto.has_dynamic_batching()) config.dynamic_batching = to_batching(proto.dynamic_batching());
  config.response_cache = proto.response_cache().enable();
  if (proto.has_sequence_batching()) config.sequence_batching = to_sequence_batching(proto);
  for (const auto& step : proto.ensemble_scheduling().step())
    config.ensemble_steps.push_back(to_step(step));
  for (const auto& sample : proto.model_warmup())
    config.warmup_samples.push_back(to_warmup_sample(sample));
  config.version_policy = to_version_policy(proto);
  config.graph_optimization_level = proto.optimization().graph().level();
  for (const auto& wish : proto.optimization().execution_accelerators().gpu_execution_accelerator())
    config.gpu_accelerators.push_back(
        {wish.name(), {wish.parameters().begin(), wish.parameters().end()}});
  for (const auto& [key, value] : proto.parameters())
    config.parameters.emplace(key, value.string_value());
  config.metric_tags.insert(proto.metric_tags().begin(), proto.metric_tags().end());
  for (const auto& control : proto.model_metrics().metric_control()) {
    const auto& buckets = control.histogram_options().buckets();
    config.histogram_buckets[control.metric_identifier().family()] = {buckets.begin(),
                                                                      buckets.end()};
  }
  config.message =
      std::make_shared<const ModelConfig::Message>(ModelConfig::Message{std::move(proto)});
  return config;
}

const ModelTensor* ModelConfig::find_input(std::string_view input) const {
  return find_tensor(inputs, input);
}

const ModelTensor* ModelConfig::find_output(std::string_view output) const {
  return find_tensor(outputs, output);
}

namespace {

Result<ModelConfig> checked_config(inference::ModelConfig proto, std::string_view model_name) {
  NESO_TRY_VOID(check_model_name(proto, model_name));
  if (proto.name().empty()) proto.set_name(std::string(model_name));
  NESO_TRY_VOID(check_config(proto));
  std::vector<std::string> not_honoured = fields_without_effect(proto);
  std::vector<std::string> gpu_settings = settings_of_gpus(proto);
  ModelConfig config = to_model_config(std::move(proto));
  config.not_honoured = std::move(not_honoured);
  config.gpu_settings = std::move(gpu_settings);
  return config;
}

}  // namespace

Result<ModelConfig> parse_model_config(std::string_view text, std::string_view source,
                                       std::string_view model_name) {
  NESO_TRY(inference::ModelConfig proto, read_config_text(text, source));
  return checked_config(std::move(proto), model_name);
}

Result<ModelConfig> parse_model_config_json(std::string_view json, std::string_view model_name) {
  NESO_TRY(inference::ModelConfig proto, read_config_json(json));
  return checked_config(std::move(proto), model_name);
}

Result<ModelConfig> load_model_config(const std::filesystem::path& config_pbtxt,
                                      std::string_view model_name) {
  auto text = read_file(config_pbtxt, kMaxFileBytes);
  if (!text && text.error().code != ErrorCode::NotFound) return std::move(text).error();
  // A client that loads a model reads the errors, and need not know where the repository lies.
  const auto shown = config_pbtxt.parent_path().filename() / config_pbtxt.filename();
  return parse_model_config(text ? *text : std::string(), shown.string(), model_name);
}

}  // namespace neso
