// SPDX-License-Identifier: Apache-2.0
// Inside config/: the protobuf message behind a ModelConfig, and the steps from text to a
// ModelConfig.
#pragma once

#include <model_config.pb.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/model_config.h"

namespace neso {

struct ModelConfig::Message {
  inference::ModelConfig proto;
};

// Text format to message. Errors are "<source>:<line>:<column>: ...", counted from 1.
Result<inference::ModelConfig> read_config_text(std::string_view text, std::string_view source);
// Protobuf's JSON form to message; our parser's nesting limit holds.
Result<inference::ModelConfig> read_config_json(std::string_view json);
// Valid UTF-8 without NUL bytes.
bool is_plain_text(std::string_view text);

// The name of the model's folder is a possible one, and the config's own, if any.
Result<> check_model_name(const inference::ModelConfig& config, std::string_view folder);
// Every rule that needs nothing but the message, whose name is set. The sentences are Triton's
// where it has one, else ours, which name the field by its path; all of them name the model.
Result<> check_config(const inference::ModelConfig& config);
// The parts of it about tensors, model_config_check_tensors.cc.
Result<> check_tensors(const inference::ModelConfig& config);
// And about sequences, sequence_config.cc.
Result<> check_sequence_batching(const inference::ModelConfig& config);
SequenceBatching to_sequence_batching(const inference::ModelConfig& config);

// Paths of the set fields that this build does not act on: "optimization.cuda",
// "dynamic_batching.priority_levels".
std::vector<std::string> fields_without_effect(const inference::ModelConfig& config);
// ModelConfig::gpu_settings.
std::vector<std::string> settings_of_gpus(const inference::ModelConfig& config);

// The lists behind that: acted on with all that is below it; a message that is looked into.
bool is_honoured_field(const std::string& path);
bool is_opened_field(const std::string& path);
// No field is set that changes what the model computes and that this build cannot act on.
Result<> check_refused_fields(const inference::ModelConfig& config);

// The plain struct with the message attached; not_honoured and gpu_settings stay empty.
ModelConfig to_model_config(inference::ModelConfig proto);

}  // namespace neso
