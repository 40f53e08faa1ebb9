// SPDX-License-Identifier: Apache-2.0
// What a model folder says about texts before the encoder: how many tokens, letter case, prompts.
#pragma once

#include <cstddef>
#include <filesystem>

#include "base/result.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/modules.h"

namespace neso {

// Fills max_tokens, max_tokens_source and lowercase from sentence_bert_config.json (or its older
// names) and tokenizer_config.json of `transformer_folder`. Needs checkpoint.architecture.
Result<> read_token_settings(const std::filesystem::path& transformer_folder,
                             Checkpoint& checkpoint);

// Fills prompts, default_prompt_name and truncate_dim from config_sentence_transformers.json of
// checkpoint.folder. Needs checkpoint.architecture and checkpoint.pooling.
Result<> read_prompt_settings(const Modules& modules, Checkpoint& checkpoint);

}  // namespace neso
