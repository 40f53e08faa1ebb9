// SPDX-License-Identifier: Apache-2.0
#include "model/model.h"

#include <algorithm>

namespace neso {
namespace {

TensorMetadata describe(const ModelTensor& tensor, bool batched) {
  TensorMetadata described{.name = tensor.name, .dtype = tensor.dtype, .shape = tensor.dims};
  if (batched) described.shape.insert(described.shape.begin(), -1);
  return described;
}

}  // namespace

ModelMetadata Model::metadata() const {
  const ModelConfig& config = parts_.config;
  const bool batched = config.max_batch_size > 0;
  ModelMetadata metadata;
  metadata.name = parts_.name;
  metadata.platform = config.platform.empty() ? config.backend : config.platform;
  for (const ModelTensor& input : config.inputs) {
    metadata.inputs.push_back(describe(input, batched));
  }
  for (const ModelTensor& output : config.outputs) {
    metadata.outputs.push_back(describe(output, batched));
  }
  return metadata;
}

std::vector<TensorMetadata> Model::accepted_inputs() const {
  std::vector<TensorMetadata> inputs = metadata().inputs;
  const EncoderModel* text_model = encoder();
  const bool declared =
      std::ranges::find(inputs, kTextInput, &TensorMetadata::name) != inputs.end();
  if (text_model != nullptr && text_model->signature.takes_text && !declared)
    inputs.push_back({.name = std::string(kTextInput), .dtype = DType::Bytes, .shape = {-1}});
  return inputs;
}

}  // namespace neso
