// SPDX-License-Identifier: Apache-2.0
// Every field of config.pbtxt and what becomes of it: acted on, harmless and named in the log, or
// refused. docs/config-fields.md is this list.
#pragma once

#include <string>
#include <vector>

namespace neso {

enum class FieldEffect { Honoured, Harmless, Refused };

struct ConfigField {
  std::string path;  // "optimization.graph.level"; a message stands for all that is below it
  FieldEffect effect = FieldEffect::Harmless;
  std::string note;
};

// In the order of proto/model_config.proto.
std::vector<ConfigField> config_fields();

// Parameters of Triton's onnxruntime backend that only a GPU gives an effect.
bool is_gpu_parameter(const std::string& key);

std::string config_fields_markdown();

}  // namespace neso
