// SPDX-License-Identifier: Apache-2.0
// Which tensor of a checkpoint plays which role in the encoder. Engines read weights only through
// these names, so the families' naming habits (prefixes, gamma/beta) stay in families.cc.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "checkpoint/checkpoint.h"

namespace neso {

// A linear layer, y = x W^T + b: weight is [out, in], bias [out] or without a name. Or a LayerNorm:
// both are [hidden].
struct WeightAndBias {
  std::string weight;
  std::string bias;
};

struct EncoderLayerWeightNames {
  // Queries, keys and values, heads side by side in each: three of [hidden, hidden], or one of
  // [3 hidden, hidden].
  std::vector<WeightAndBias> qkv;
  WeightAndBias attention_output;  // [hidden, hidden]
  WeightAndBias attention_norm;
  WeightAndBias up;    // [intermediate, hidden]
  WeightAndBias gate;  // [intermediate, hidden], of gated architectures
  WeightAndBias down;  // [hidden, intermediate]
  WeightAndBias output_norm;
};

struct EncoderWeightNames {
  std::string word;      // [vocabulary, hidden]
  std::string position;  // [max_positions, hidden], of learned positions
  std::string type;      // [type_vocabulary, hidden]
  WeightAndBias embedding_norm;
  std::vector<EncoderLayerWeightNames> layers;  // architecture.layers of them
};

// Names as this checkpoint's files spell them; every one is in checkpoint.weights with the shape
// above (open_checkpoint made sure). Unsupported, with the reason, when the checkpoint has no
// weights.
Result<EncoderWeightNames> encoder_weight_names(const Checkpoint& checkpoint);

// Adds a warning to the checkpoint when its weights hold more layers than its config.json states:
// the others are not run, by design or by mistake.
void warn_of_unused_layers(Checkpoint& checkpoint);

}  // namespace neso
