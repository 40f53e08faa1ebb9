// SPDX-License-Identifier: Apache-2.0
// Where two files state the same thing, the order of sentence-transformers decides.
#include "checkpoint/text_settings.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "checkpoint/config_file.h"
#include "checkpoint/in_quotes.h"

namespace neso {

namespace {

namespace fs = std::filesystem;

// The first is the name of today; the others were written by early versions.
constexpr std::string_view kSentenceConfigs[] = {
    "sentence_bert_config.json",       "sentence_roberta_config.json",
    "sentence_distilbert_config.json", "sentence_camembert_config.json",
    "sentence_albert_config.json",     "sentence_xlm-roberta_config.json",
    "sentence_xlnet_config.json",
};

// What says "no limit" is 1e30 there, so any number is taken and kept in range.
constexpr size_t kUnlimited = 1'000'000'000'000'000;

Result<std::optional<size_t>> read_limit(const ConfigFile& config, std::string_view key) {
  NESO_TRY(const std::optional<double> limit, config.number(key));
  if (!limit) return std::optional<size_t>();
  if (!(*limit >= 1))
    return config.about(key, invalid_argument("is {}; it must be at least 1", *limit));
  return std::optional(static_cast<size_t>(std::min(*limit, static_cast<double>(kUnlimited))));
}

struct TokenLimit {
  size_t tokens;
  std::string source;
};

// sentence-transformers' order: its own file, else the tokenizer's.
Result<std::optional<TokenLimit>> stated_limit(const std::optional<ConfigFile>& sentence_config,
                                               const fs::path& transformer_folder) {
  const auto from = [](const std::optional<ConfigFile>& config,
                       std::string_view key) -> Result<std::optional<TokenLimit>> {
    if (!config) return std::optional<TokenLimit>();
    NESO_TRY(const std::optional<size_t> limit, read_limit(*config, key));
    if (!limit) return std::optional<TokenLimit>();
    return std::optional(
        TokenLimit{*limit, fmt::format("{}: {}", config->path().filename().string(), key)});
  };
  NESO_TRY(std::optional<TokenLimit> limit, from(sentence_config, "max_seq_length"));
  if (limit) return limit;
  NESO_TRY(const std::optional<ConfigFile> tokenizer_config,
           ConfigFile::open_if_there(transformer_folder / "tokenizer_config.json"));
  return from(tokenizer_config, "model_max_length");
}

void warn_about_limit(const TokenLimit& limit, size_t positions, Checkpoint& checkpoint) {
  constexpr size_t kFewTokens = 8;
  if (limit.tokens < kFewTokens) {
    checkpoint.warnings.push_back(
        fmt::format("{} is {}, the special tokens included: little or nothing is left of a text",
                    limit.source, limit.tokens));
  } else if (positions > 0 && limit.tokens > positions && limit.tokens < kUnlimited) {
    checkpoint.warnings.push_back(
        fmt::format("{} is {}, but config.json's \"max_position_embeddings\" is {}: texts are cut "
                    "to {} tokens",
                    limit.source, limit.tokens, positions, positions));
  }
}

Result<std::optional<ConfigFile>> open_sentence_config(const fs::path& transformer_folder) {
  for (const std::string_view name : kSentenceConfigs) {
    NESO_TRY(std::optional<ConfigFile> config,
             ConfigFile::open_if_there(transformer_folder / name));
    if (config) return config;
  }
  return std::optional<ConfigFile>();
}

Result<> read_prompts(const ConfigFile& config, Checkpoint& checkpoint) {
  const JsonValue* prompts = config.find("prompts");
  if (prompts != nullptr && !prompts->is_object()) {
    return config.about("prompts", invalid_argument("must be an object from names to texts"));
  }
  if (prompts != nullptr) {
    for (const auto& [name, value] : prompts->members()) {
      const std::optional<std::string_view> text =
          value.is_null() ? std::string_view() : value.as_string();
      if (!text)
        return config.about("prompts",
                            invalid_argument("holds {}, whose text is no string", in_quotes(name)));
      checkpoint.prompts.emplace(name, *text);
    }
  }
  NESO_TRY(const std::optional<std::string> chosen, config.text("default_prompt_name"));
  if (!chosen || chosen->empty()) return {};
  // sentence-transformers has these two from the start, both empty.
  if (*chosen == "query" || *chosen == "document") checkpoint.prompts.try_emplace(*chosen);
  if (!checkpoint.prompts.contains(*chosen)) {
    return config.about(
        "default_prompt_name",
        invalid_argument("is {}, which \"prompts\" does not have", in_quotes(*chosen)));
  }
  checkpoint.default_prompt_name = *chosen;
  return {};
}

}  // namespace

Result<> read_token_settings(const fs::path& transformer_folder, Checkpoint& checkpoint) {
  NESO_TRY(const std::optional<ConfigFile> sentence_config,
           open_sentence_config(transformer_folder));
  if (sentence_config) {
    NESO_TRY(const std::optional<bool> lowercase, sentence_config->boolean("do_lower_case"));
    checkpoint.lowercase = lowercase.value_or(false);
    NESO_TRY(const std::optional<std::string> task, sentence_config->text("transformer_task"));
    if (task && *task != "feature-extraction") {
      return sentence_config->about(
          "transformer_task",
          unsupported("is {}; only \"feature-extraction\" is supported", in_quotes(*task)));
    }
  }
  NESO_TRY(std::optional<TokenLimit> limit, stated_limit(sentence_config, transformer_folder));
  const size_t positions = checkpoint.architecture.max_positions;
  if (limit) warn_about_limit(*limit, positions, checkpoint);
  if (positions > 0 && (!limit || limit->tokens > positions)) {
    limit = TokenLimit{positions, "config.json: max_position_embeddings"};
  }
  if (!limit) {
    return invalid_argument(
        "{}: nothing says how many tokens a text may have; set \"max_seq_length\" in {}",
        transformer_folder.string(), kSentenceConfigs[0]);
  }
  checkpoint.max_tokens = limit->tokens;
  checkpoint.max_tokens_source = std::move(limit->source);
  return {};
}

Result<> read_prompt_settings(const Modules& modules, Checkpoint& checkpoint) {
  NESO_TRY(const std::optional<ConfigFile> config,
           ConfigFile::open_if_there(checkpoint.folder / "config_sentence_transformers.json"));
  if (!config) return {};
  NESO_TRY_VOID(read_prompts(*config, checkpoint));
  const bool has_prompt =
      std::ranges::any_of(checkpoint.prompts, [](const auto& row) { return !row.second.empty(); });
  if (!modules.include_prompt && has_prompt) {
    return config->about(
        "prompts",
        unsupported("cannot be used: the pooling's \"include_prompt\" is false, and leaving a "
                    "prompt's tokens out of the pooling is not supported"));
  }
  NESO_TRY(const std::optional<size_t> dimensions, config->size("truncate_dim"));
  if (!dimensions) return {};
  const size_t width = checkpoint.pooling.width(checkpoint.architecture.hidden);
  if (*dimensions == 0)
    return config->about("truncate_dim", invalid_argument("is 0; it must be at least 1"));
  if (width == 0 || *dimensions < width) checkpoint.truncate_dim = dimensions;
  return {};
}

}  // namespace neso
