// SPDX-License-Identifier: Apache-2.0
// A model folder understood: Hugging Face / sentence-transformers layout, old and new generation of
// its files. Everything a server must know besides the numbers: architecture, pooling, limits,
// prompts, where the tokenizer is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "checkpoint/architecture.h"
#include "checkpoint/pooling_spec.h"
#include "checkpoint/weight_store.h"

namespace neso {

struct Checkpoint {
  std::filesystem::path folder;
  Architecture architecture;
  PoolingSpec pooling;
  bool normalize = false;  // the folder's modules end with Normalize
  // Before a vector is cut to fewer dimensions, it passes a layer norm without weights: what the
  // authors of nomic-embed-text-v1.5 do, though none of its modules says so.
  bool norm_before_cut = false;
  size_t max_tokens = 0;          // with specials; never more than the positions allow
  std::string max_tokens_source;  // "sentence_bert_config.json: max_seq_length", for people
  bool lowercase = false;         // sentence_bert_config.json: do_lower_case
  int32_t pad_token_id = 0;
  std::map<std::string, std::string> prompts;
  std::string default_prompt_name;  // empty: none
  std::optional<size_t> truncate_dim;
  std::filesystem::path tokenizer_json;  // empty when the folder has none
  // Null when our engines cannot run the folder; then the reason is a sentence.
  std::shared_ptr<const WeightStore> weights;
  std::string no_weights_reason;
  // The ONNX file that holds `weights`; empty: they are safetensors. What such a graph computes is
  // not looked at, only its weights: compare results before they are trusted.
  std::filesystem::path onnx_weights;
  // Sentences for the log: settings that were read, but are hardly meant as they are.
  std::vector<std::string> warnings;
};

// Reads and validates a folder. Refuses, naming file, key and what is supported: an unknown
// architecture, activation, pooling or module, sizes that contradict each other. A folder without
// config.json is NotFound. With weights, every tensor that the architecture needs is there with the
// right shape; they are safetensors or, where there are none, those of model.onnx when it is an
// export of the architecture. A folder with an .onnx file, in it or one level below, may have any
// architecture: when it is none of ours, `weights` is null, `architecture.family` empty and its
// sizes are what config.json says of them, 0 where it is silent.
Result<Checkpoint> open_checkpoint(const std::filesystem::path& folder);

// Gives a checkpoint without weights those of an ONNX file, when that is an export of its
// architecture; otherwise adds to no_weights_reason why not.
void use_onnx_weights(const std::filesystem::path& model, Checkpoint& checkpoint);

}  // namespace neso
