// SPDX-License-Identifier: Apache-2.0
#include "model/text_input.h"

#include <fmt/format.h>

#include <array>
#include <utility>
#include <vector>

#include "base/error.h"

namespace neso {

TextInput::TextInput(std::shared_ptr<const Tokenizer> tokenizer, TextSettings settings)
    : tokenizer_(std::move(tokenizer)), settings_(std::move(settings)) {}

Result<std::string> TextInput::prompt(const std::optional<std::string>& name) const {
  const std::string& wanted = name ? *name : settings_.default_prompt_name;
  if (!name && wanted.empty()) return std::string();
  if (const auto found = settings_.prompts.find(wanted); found != settings_.prompts.end()) {
    return found->second;
  }
  std::vector<std::string> names;
  for (const auto& [known, text] : settings_.prompts) names.push_back(known);
  return invalid_argument("model '{}' has no prompt '{}'; it has {}", settings_.model, wanted,
                          names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", ")));
}

Result<Encoding> TextInput::tokenize(std::string_view text, const RequestLife& life) const {
  NESO_TRY_VOID(life.still_wanted());
  NESO_TRY(const WorkMemory memory, WorkMemory::take(life, kMemoryPerByte * text.size()));
  return tokenizer_->encode(text, {.max_tokens = settings_.max_tokens});
}

Result<Encoding> TextInput::encode(std::string_view text, bool truncate,
                                   const RequestLife& life) const {
  const size_t head_bytes = kHeadBytesPerToken * settings_.max_tokens;
  if (truncate && head_bytes > 0 && text.size() > 2 * head_bytes) {
    // Between two characters: not in front of a continuation byte (10xxxxxx).
    size_t cut = head_bytes;
    while ((static_cast<unsigned char>(text[cut]) & 0xC0) == 0x80) ++cut;
    NESO_TRY(auto head, tokenize(text.substr(0, cut), life));
    // What the cut may have changed lies beyond twice the tokens that are kept.
    if (head.original_tokens >= 2 * settings_.max_tokens) return head;
  }
  if (text.size() > kMaxBytes) {
    return too_large("a text has {} bytes; at most {} are tokenized, so split it", text.size(),
                     kMaxBytes);
  }
  return tokenize(text, life);
}

Result<PreparedText> TextInput::prepare(std::string_view prompt, std::string_view text,
                                        bool truncate, const RequestLife& life) const {
  std::string with_prompt;
  if (!prompt.empty()) {
    with_prompt.reserve(prompt.size() + text.size());
    with_prompt.append(prompt).append(text);
    text = with_prompt;
  }
  NESO_TRY(Encoding encoding, encode(text, truncate, life));
  if (encoding.truncated && !truncate) {
    return invalid_argument(
        "the text has {} tokens, more than the {} that model '{}' takes; shorten it, or allow it "
        "to be "
        "truncated",
        encoding.original_tokens, settings_.max_tokens, settings_.model);
  }
  if (encoding.ids.empty()) return invalid_argument("the text has no token");
  PreparedText prepared;
  prepared.original_tokens = encoding.original_tokens;
  prepared.truncated = encoding.truncated;
  prepared.sequence.ids = std::move(encoding.ids);
  for (const int32_t type : encoding.type_ids) {
    if (type == 0) continue;
    prepared.sequence.type_ids = std::move(encoding.type_ids);
    break;
  }
  return prepared;
}

Result<> check_lowercase_is_the_tokenizers(const Tokenizer& tokenizer) {
  // Letters of the scripts that have cases, as pairs.
  constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kPairs = {{
      {"THE QUICK BROWN FOX JUMPS OVER A LAZY DOG", "the quick brown fox jumps over a lazy dog"},
      {"ÀÉÎÕÜÇÑØÅŠŽ", "àéîõüçñøåšž"},
      {"ΑΒΓΔΩ", "αβγδω"},
      {"АБВГЯ", "абвгя"},
  }};
  for (const auto& [upper, lower] : kPairs) {
    NESO_TRY(const Encoding a, tokenizer.encode(upper));
    NESO_TRY(const Encoding b, tokenizer.encode(lower));
    if (a.ids != b.ids) {
      return unsupported(
          "sentence_bert_config.json: \"do_lower_case\" is true, but tokenizer.json keeps the case "
          "of "
          "letters; add a Lowercase normalizer to tokenizer.json");
    }
  }
  return {};
}

}  // namespace neso
