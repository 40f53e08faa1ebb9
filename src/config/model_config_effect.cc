// SPDX-License-Identifier: Apache-2.0
// Which fields of config.pbtxt this build acts on. Everything else that a file sets is told to its
// author: a setting must not be dropped in silence.
#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <span>

#include "config/config_fields.h"
#include "config/model_config_message.h"

namespace neso {
namespace {

namespace pb = google::protobuf;

// Acted on, with all that is below them. Sorted.
constexpr std::string_view kHonoured[] = {
    "backend",
    "default_model_filename",
    "dynamic_batching.default_priority_level",
    "dynamic_batching.default_queue_policy",
    "dynamic_batching.max_queue_delay_microseconds",
    "dynamic_batching.preferred_batch_size",
    "dynamic_batching.preserve_ordering",
    "dynamic_batching.priority_levels",
    "dynamic_batching.priority_queue_policy",
    "ensemble_scheduling.step.input_map",
    "ensemble_scheduling.step.model_name",
    "ensemble_scheduling.step.model_version",
    "ensemble_scheduling.step.output_map",
    "input.allow_ragged_batch",
    "input.data_type",
    "input.dims",
    "input.format",  // only checked, in Triton, too
    "input.name",
    "input.optional",
    "input.reshape",
    "instance_group.count",
    "instance_group.gpus",
    "instance_group.host_policy",
    "instance_group.kind",
    "instance_group.name",
    "instance_group.rate_limiter",
    "max_batch_size",
    "metric_tags",
    "model_metrics",
    "model_warmup",
    "name",
    "optimization.execution_accelerators.gpu_execution_accelerator",
    "optimization.graph.level",
    "output.data_type",
    "output.dims",
    "output.label_filename",
    "output.name",
    "output.reshape",
    "parameters",
    "platform",
    "response_cache",
    "sequence_batching.control_input",
    "sequence_batching.direct",
    "sequence_batching.max_sequence_idle_microseconds",
    "sequence_batching.oldest.max_candidate_sequences",
    "sequence_batching.oldest.max_queue_delay_microseconds",
    "sequence_batching.oldest.preferred_batch_size",
    "sequence_batching.oldest.preserve_ordering",
    "sequence_batching.state.data_type",
    "sequence_batching.state.dims",
    "sequence_batching.state.initial_state",
    "sequence_batching.state.input_name",
    "sequence_batching.state.output_name",
    "version_policy",
};
// Messages that are looked into: they hold honoured fields, or say nothing as long as all their
// fields are unset.
constexpr std::string_view kOpened[] = {
    "dynamic_batching",
    "ensemble_scheduling",
    "ensemble_scheduling.step",
    "input",
    "instance_group",
    "model_transaction_policy",
    "optimization",
    "optimization.execution_accelerators",
    "optimization.graph",
    "optimization.input_pinned_memory",
    "optimization.output_pinned_memory",
    "output",
    "sequence_batching",
    "sequence_batching.oldest",
    "sequence_batching.state",
};

bool contains(std::span<const std::string_view> sorted, const std::string& path) {
  return std::binary_search(sorted.begin(), sorted.end(), path);
}

void collect(const pb::Message& message, const std::string& prefix, std::set<std::string>& paths) {
  const pb::Reflection& reflection = *message.GetReflection();
  std::vector<const pb::FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const pb::FieldDescriptor* field : fields) {
    const std::string path = prefix + field->name();
    if (contains(kHonoured, path)) continue;
    if (!contains(kOpened, path)) {
      paths.insert(path);
    } else if (field->is_repeated()) {
      for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
        collect(reflection.GetRepeatedMessage(message, field, i), path + '.', paths);
      }
    } else {
      collect(reflection.GetMessage(message, field), path + '.', paths);
    }
  }
}

}  // namespace

bool is_honoured_field(const std::string& path) {
  return contains(kHonoured, path);
}

bool is_opened_field(const std::string& path) {
  return contains(kOpened, path);
}

std::vector<std::string> fields_without_effect(const inference::ModelConfig& config) {
  static_assert(std::is_sorted(std::begin(kHonoured), std::end(kHonoured)));
  static_assert(std::is_sorted(std::begin(kOpened), std::end(kOpened)));
  std::set<std::string> paths;
  collect(config, "", paths);
  return {paths.begin(), paths.end()};
}

std::vector<std::string> settings_of_gpus(const inference::ModelConfig& config) {
  std::set<std::string> paths;
  const auto& accelerators = config.optimization().execution_accelerators();
  if (accelerators.gpu_execution_accelerator_size() > 0)
    paths.insert("optimization.execution_accelerators.gpu_execution_accelerator");
  for (const auto& [key, value] : config.parameters()) {
    if (is_gpu_parameter(key)) paths.insert(fmt::format("parameters[\"{}\"]", key));
  }
  return {paths.begin(), paths.end()};
}

}  // namespace neso
