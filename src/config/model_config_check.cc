// SPDX-License-Identifier: Apache-2.0
// Rules about the model as a whole: names, files, batching, instances. Those about its tensors have
// their own file.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <functional>

#include "base/cut_text.h"
#include "base/error.h"
#include "config/model_config_message.h"

namespace neso {
namespace {

constexpr size_t kMaxNameBytes = 255;  // a folder's
constexpr int kMaxInstances = 1024;
constexpr int kMaxGpus = 64;  // ids are 0 to 63
constexpr uint64_t kMaxPriorityLevels = 65536;

struct Pair {
  std::string_view platform, backend;
};
constexpr Pair kPairs[] = {{"onnxruntime_onnx", "onnxruntime"}, {"neso", "neso"}};

// Only what both fields say; what one leaves open is filled in later.
Result<> check_platform(const inference::ModelConfig& config) {
  const std::string& platform = config.platform();
  const std::string& backend = config.backend();
  if (platform == "ensemble") {
    if (!backend.empty()) {
      return invalid_argument(
          "Ensemble model '{}' must have platform type 'ensemble' and empty backend type",
          config.name());
    }
    if (!config.has_ensemble_scheduling()) {
      return invalid_argument(
          "ensemble scheduling must be set for ensemble {} whose platform is ensemble",
          config.name());
    }
    return {};
  }
  if (platform.empty() || backend.empty()) return {};
  for (const Pair& known : kPairs) {
    if ((known.platform == platform) != (known.backend == backend)) {
      return invalid_argument("unexpected 'platform' and 'backend' pair, got:{}, {}", platform,
                              backend);
    }
  }
  return {};
}

// A file of the model is named relative to its folder and does not leave it.
Result<> check_file_name(const inference::ModelConfig& config, std::string_view field,
                         const std::string& file) {
  const std::filesystem::path path(file);
  const bool climbs = std::find(path.begin(), path.end(), "..") != path.end();
  if (!path.is_absolute() && !climbs) return {};
  return invalid_argument(
      "{}: \"{}\" must be a relative path without '..', inside the model's folder, for {}", field,
      file.substr(0, kMaxNameBytes), config.name());
}

Result<> check_file_names(const inference::ModelConfig& config) {
  NESO_TRY_VOID(check_file_name(config, "default_model_filename", config.default_model_filename()));
  for (const auto& [capability, file] : config.cc_model_filenames()) {
    NESO_TRY_VOID(
        check_file_name(config, fmt::format("cc_model_filenames[\"{}\"]", capability), file));
  }
  for (int i = 0; i < config.output_size(); ++i) {
    NESO_TRY_VOID(check_file_name(config, fmt::format("output[{}].label_filename", i),
                                  config.output(i).label_filename()));
  }
  for (int i = 0; i < config.model_warmup_size(); ++i) {
    for (const auto& [name, input] : config.model_warmup(i).inputs()) {
      NESO_TRY_VOID(check_file_name(
          config, fmt::format("model_warmup[{}].inputs[\"{}\"].input_data_file", i, name),
          input.input_data_file()));
    }
  }
  for (const auto& state : config.sequence_batching().state()) {
    for (const auto& initial : state.initial_state()) {
      NESO_TRY_VOID(check_file_name(config, "sequence_batching.state.initial_state.data_file",
                                    initial.data_file()));
    }
  }
  return {};
}

Result<> check_version_policy(const inference::ModelConfig& config) {
  if (config.version_policy().has_latest() &&
      config.version_policy().latest().num_versions() == 0) {
    return invalid_argument("version_policy.latest.num_versions must be at least 1 for {}",
                            config.name());
  }
  return {};
}

Result<> check_priorities(const inference::ModelDynamicBatching& batching,
                          const std::string& model) {
  const uint64_t levels = batching.priority_levels();
  if (levels == 0) return {};
  if (levels > kMaxPriorityLevels) {
    return invalid_argument("dynamic_batching.priority_levels: {} are more than {} for {}", levels,
                            kMaxPriorityLevels, model);
  }
  if (batching.default_priority_level() == 0 || batching.default_priority_level() > levels) {
    return invalid_argument("default priority level must be in range [1, {}] for {}", levels,
                            model);
  }
  for (const auto& [level, policy] : batching.priority_queue_policy()) {
    if (level == 0 || level > levels) {
      return invalid_argument(
          "priority queue policy must have priority level in range [1, {}] for {}", levels, model);
    }
  }
  return {};
}

Result<> check_ordering(const inference::ModelDynamicBatching& batching, const std::string& model) {
  if (!batching.preserve_ordering()) return {};
  if (batching.priority_levels() > 1) {
    return invalid_argument(
        "Only one priority level is allowed when 'preserve_ordering' is true for {}", model);
  }
  const auto delays = [](const inference::ModelQueuePolicy& policy) {
    return policy.default_timeout_microseconds() != 0 &&
           policy.timeout_action() == inference::ModelQueuePolicy::DELAY;
  };
  const auto& policies = batching.priority_queue_policy();
  if (delays(batching.default_queue_policy()) ||
      std::any_of(policies.begin(), policies.end(),
                  [&](const auto& entry) { return delays(entry.second); })) {
    return invalid_argument(
        "Queue policy can not have DELAY as timeout action when 'preserve_ordering' is true for {}",
        model);
  }
  return {};
}

Result<> check_dynamic_batching(const inference::ModelConfig& config) {
  const auto& batching = config.dynamic_batching();
  for (const int size : batching.preferred_batch_size()) {
    if (size <= 0)
      return invalid_argument("dynamic batching preferred size must be positive for {}",
                              config.name());
    if (size > config.max_batch_size()) {
      return invalid_argument("dynamic batching preferred size must be <= max batch size for {}",
                              config.name());
    }
  }
  NESO_TRY_VOID(check_priorities(batching, config.name()));
  return check_ordering(batching, config.name());
}

Result<> check_response_cache(const inference::ModelConfig& config) {
  if (!config.response_cache().enable()) return {};
  const auto refused = [&](std::string_view why) {
    return invalid_argument(
        "Response Cache does not currently support model {} with {}. Please disable the response "
        "cache.",
        config.name(), why);
  };
  if (config.has_sequence_batching()) return refused("sequence batching scheduler");
  if (config.model_transaction_policy().decoupled())
    return refused("'decoupled' transaction policy");
  return {};
}

Result<> check_ensemble(const inference::ModelConfig& config) {
  if (!config.has_ensemble_scheduling()) return {};
  if (config.has_optimization()) {
    return invalid_argument("optimization should not be specified for ensemble '{}'",
                            config.name());
  }
  if (config.model_warmup_size() > 0) {
    return invalid_argument("model_warmup can not be specified for ensemble '{}'", config.name());
  }
  const auto& steps = config.ensemble_scheduling().step();
  if (steps.empty()) {
    return invalid_argument("must specify 'step' for ensemble '{}'", config.name());
  }
  for (int i = 0; i < steps.size(); ++i) {
    const auto& step = steps.Get(i);
    const std::string_view missing = step.model_name().empty()   ? "model_name"
                                     : step.input_map().empty()  ? "input_map"
                                     : step.output_map().empty() ? "output_map"
                                                                 : "";
    if (missing.empty()) continue;
    return invalid_argument("must specify '{}' in step {} of ensemble '{}'", missing, i,
                            config.name());
  }
  return {};
}

// A histogram's buckets ascend.
Result<> check_model_metrics(const inference::ModelConfig& config) {
  for (const auto& control : config.model_metrics().metric_control()) {
    const auto& buckets = control.histogram_options().buckets();
    if (std::adjacent_find(buckets.begin(), buckets.end(), std::greater_equal<>()) !=
        buckets.end()) {
      return invalid_argument(
          "model_metrics of model '{}': each of the buckets of '{}' must be larger than the one "
          "before",
          config.name(), cut_text(control.metric_identifier().family(), 64));
    }
  }
  return {};
}

// Each key becomes the name of a Prometheus label, and one bad name spoils the whole scrape.
Result<> check_metric_tags(const inference::ModelConfig& config) {
  for (const auto& [key, value] : config.metric_tags()) {
    const auto fits = [](unsigned char c) {
      return c == '_' || (c < 0x80 && std::isalnum(c) != 0);
    };
    if (!std::all_of(key.begin(), key.end(), fits)) {
      return invalid_argument(
          "metric_tags of model '{}' has the key '{}', which cannot be the name of a Prometheus "
          "label; use letters, digits and '_' only",
          config.name(), key.substr(0, 64));
    }
  }
  return {};
}

Result<> check_instance_group(const inference::ModelConfig& config, int index) {
  const inference::ModelInstanceGroup& group = config.instance_group(index);
  const std::string name =
      group.name().empty() ? fmt::format("{}_{}", config.name(), index) : group.name();
  const bool takes_gpus = group.kind() == inference::ModelInstanceGroup::KIND_GPU ||
                          group.kind() == inference::ModelInstanceGroup::KIND_AUTO;
  if (!takes_gpus && group.gpus_size() > 0) {
    return invalid_argument(
        "instance group {} of model {} has kind {} but specifies one or more GPUs", name,
        config.name(), inference::ModelInstanceGroup::Kind_Name(group.kind()));
  }
  for (int i = 0; i < group.gpus_size(); ++i) {
    if (group.gpus(i) < 0 || group.gpus(i) >= kMaxGpus) {
      return invalid_argument(
          "instance_group[{}].gpus[{}]: {} is no GPU id, they are 0 to {}, for {}", index, i,
          group.gpus(i), kMaxGpus - 1, config.name());
    }
  }
  if (group.profile_size() > 0) {
    return invalid_argument(
        "instance group {} of model {} and platform {} specifies profile field which is only "
        "supported for TensorRT models",
        name, config.name(), config.platform());
  }
  return {};
}

Result<> check_instance_groups(const inference::ModelConfig& config) {
  if (config.has_ensemble_scheduling() && config.instance_group_size() > 0) {
    return invalid_argument("instance group should not be specified for ensemble '{}'",
                            config.name());
  }
  int64_t instances = 0;
  for (int i = 0; i < config.instance_group_size(); ++i) {
    NESO_TRY_VOID(check_instance_group(config, i));
    instances += std::max(config.instance_group(i).count(), 1);
    if (instances > kMaxInstances) {
      return invalid_argument(
          "instance_group[{}].count: {} instances are more than the {} that a model may have, for "
          "{}",
          i, instances, kMaxInstances, config.name());
    }
  }
  return {};
}

}  // namespace

Result<> check_model_name(const inference::ModelConfig& config, std::string_view folder) {
  for (const std::string_view name : {folder, std::string_view(config.name())}) {
    const bool is_path = name == "." || name == ".." || name.find('/') != std::string_view::npos;
    if (is_path || !is_plain_text(name) || name.size() > kMaxNameBytes) {
      return invalid_argument(
          "'name' must be a folder's name: UTF-8 text of at most {} bytes without '/' and NUL, and "
          "not '.' or '..'; got {} bytes",
          kMaxNameBytes, name.size());
    }
  }
  if (!config.name().empty() && config.name() != folder) {
    return invalid_argument(
        "unexpected directory name '{}' for model '{}', directory name must equal model name",
        folder, config.name());
  }
  return {};
}

Result<> check_config(const inference::ModelConfig& config) {
  NESO_TRY_VOID(check_platform(config));
  if (config.max_batch_size() < 0) {
    return invalid_argument("'max_batch_size' must be non-negative value for {}", config.name());
  }
  NESO_TRY_VOID(check_version_policy(config));
  NESO_TRY_VOID(check_dynamic_batching(config));
  NESO_TRY_VOID(check_response_cache(config));
  NESO_TRY_VOID(check_sequence_batching(config));
  NESO_TRY_VOID(check_file_names(config));
  NESO_TRY_VOID(check_ensemble(config));
  NESO_TRY_VOID(check_instance_groups(config));
  NESO_TRY_VOID(check_metric_tags(config));
  NESO_TRY_VOID(check_model_metrics(config));
  NESO_TRY_VOID(check_tensors(config));
  return check_refused_fields(config);
}

}  // namespace neso
