// SPDX-License-Identifier: Apache-2.0
// modules.json of a sentence-transformers folder: what runs after the encoder. Old and new
// generation of the files.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>

#include "base/result.h"
#include "checkpoint/pooling_spec.h"

namespace neso {

struct Modules {
  std::filesystem::path
      transformer_folder;               // of config.json, weights and tokenizer; mostly `folder`
  std::optional<PoolingSpec> pooling;   // nullopt: no file says how to pool
  std::optional<size_t> pooling_width;  // of a token's state, as the pooling file has it
  bool include_prompt = true;           // false: a prompt's tokens are left out of the pooling
  bool normalize = false;
};

// Transformer, then Pooling, then Normalize or nothing; Unsupported names any other module. Without
// modules.json there is no normalisation, and 1_Pooling/config.json counts when it is there.
Result<Modules> read_modules(const std::filesystem::path& folder);

}  // namespace neso
