// SPDX-License-Identifier: Apache-2.0
// Everything config.pbtxt says, read over our own .proto with Triton's field names and numbers,
// validated, immutable. Rules, defaults and sentences are Triton's.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/rate_limits.h"
#include "config/sequence_config.h"
#include "config/warmup_config.h"
#include "tensor/dtype.h"
#include "tensor/shape.h"

namespace neso {

struct ModelTensor {
  std::string name;
  DType dtype = DType::Fp32;
  Shape dims;                       // without the batch dimension
  std::optional<Shape> reshape;     // what the model itself sees instead of dims
  bool optional = false;            // inputs only
  bool allow_ragged_batch = false;  // inputs only
  std::string label_filename;       // outputs only
};

enum class InstanceKind { Auto, Gpu, Cpu, Model };

struct InstanceGroup {
  std::string name;
  InstanceKind kind = InstanceKind::Auto;
  int count = 0;  // 0: the backend's default
  std::vector<int> gpus;
  std::string host_policy;           // empty: that of its kind
  InstanceResources resources = {};  // of each instance, with --rate-limit=execution_count
};

// How long requests of one priority may wait in the queue, and how many of them.
struct QueuePolicy {
  enum class TimeoutAction { Reject, Delay };
  TimeoutAction timeout_action = TimeoutAction::Reject;
  uint64_t default_timeout_us = 0;      // 0: for ever
  bool allow_timeout_override = false;  // by a request's own, when that is shorter
  uint32_t max_queue_size = 0;          // in requests; 0: any
};

struct DynamicBatching {
  std::vector<int64_t> preferred_batch_sizes;
  uint64_t max_queue_delay_us = 0;
  bool preserve_ordering = false;
  uint64_t priority_levels = 0;         // 0: requests have no priority
  uint64_t default_priority_level = 0;  // of requests that name none that there is
  QueuePolicy default_queue_policy = {};
  std::map<uint64_t, QueuePolicy> priority_queue_policies = {};  // by level
};

struct VersionPolicy {
  enum class Kind { Latest, All, Specific };
  Kind kind = Kind::Latest;
  uint32_t latest = 1;
  std::vector<int64_t> specific;
};

// One step of an ensemble: a model, and which of the ensemble's tensors are its inputs and outputs.
struct EnsembleStep {
  std::string model;
  std::optional<int64_t> version;                 // empty: the latest, at each request
  std::map<std::string, std::string> input_map;   // the model's name -> the ensemble's
  std::map<std::string, std::string> output_map;  // the same
};

// What an instance on a GPU is to use, in the order of the file: "tensorrt" or "cuda".
struct GpuAccelerator {
  std::string name;
  std::map<std::string, std::string> parameters;
};

struct ModelConfig {
  std::string name;
  std::string platform;  // "onnxruntime_onnx", "neso", ...
  std::string backend;   // "onnxruntime", "neso", ...
  std::string default_model_filename;
  int64_t max_batch_size = 0;  // 0: no batch dimension
  std::vector<ModelTensor> inputs;
  std::vector<ModelTensor> outputs;
  std::vector<InstanceGroup> instance_groups;
  std::optional<DynamicBatching> dynamic_batching;
  std::optional<SequenceBatching> sequence_batching;
  bool response_cache = false;
  std::vector<EnsembleStep> ensemble_steps;  // empty: no ensemble
  std::vector<WarmupSample> warmup_samples;
  VersionPolicy version_policy;
  int graph_optimization_level = 0;  // of ONNX Runtime: -1 basic, 0 all, 1 extended, 2 none
  std::vector<GpuAccelerator> gpu_accelerators;   // optimization.execution_accelerators
  std::map<std::string, std::string> parameters;  // key -> string_value
  std::map<std::string, std::string> metric_tags;
  std::map<std::string, std::vector<double>> histogram_buckets;  // by family of metrics
  // Fields that the file sets and this build does not act on yet, by path ("optimization.cuda"); to
  // be logged once.
  std::vector<std::string> not_honoured;
  // The same of what has its effect on a GPU only.
  std::vector<std::string> gpu_settings;

  // The whole message; opaque outside config/. Never null in what the functions below return, and
  // they need it in what they are given.
  struct Message;
  std::shared_ptr<const Message> message;

  const ModelTensor* find_input(std::string_view input) const;
  const ModelTensor* find_output(std::string_view output) const;
};

// Parses config.pbtxt text; `source` names the file in errors: "<source>:<line>:<column>: ...". An
// empty text is the config of a model without one. Only syntax and what does not need the model's
// files is checked here.
Result<ModelConfig> parse_model_config(std::string_view text, std::string_view source,
                                       std::string_view model_name);
// The same of a config in JSON, as clients send it to replace the file's
// ("Invalid config override: ...").
Result<ModelConfig> parse_model_config_json(std::string_view json, std::string_view model_name);
// Reads the file (at most 1 MiB). A missing file is the empty config.
Result<ModelConfig> load_model_config(const std::filesystem::path& config_pbtxt,
                                      std::string_view model_name);

// What the model's files tell about a model, to fill in what its config leaves open.
struct ModelFacts {
  std::string platform;
  std::string backend;
  // Their dims leave out the batch dimension when supports_batching, else they are whole.
  std::vector<ModelTensor> inputs;
  std::vector<ModelTensor> outputs;
  bool supports_batching = false;      // every input and output can have a leading batch dimension
  int64_t default_max_batch_size = 4;  // when it does and the config names none
  int default_instance_count = 1;      // on the CPU
  std::vector<int> gpus;  // those that KIND_AUTO and KIND_GPU mean; empty: there is none
};
// Triton's auto-completion (triton.md 3.8), then validation of the whole; logs Triton's warning
// when it chooses a batch size. `auto_complete` false: only validated.
Result<ModelConfig> complete_model_config(const ModelConfig& written, const ModelFacts& facts,
                                          bool auto_complete);

// GET /v2/models/NAME/config: every field at its name, defaults included, enums as names
// (triton.md 3.9).
std::string model_config_json(const ModelConfig& config);
// The same as protobuf bytes of inference.ModelConfig.
std::string model_config_bytes(const ModelConfig& config);

}  // namespace neso
