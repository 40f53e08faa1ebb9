// SPDX-License-Identifier: Apache-2.0
// Texts into sequences for the encoder: prompt, tokenizer, limit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "request/request_life.h"
#include "scheduling/job.h"
#include "tokenizer/tokenizer.h"

namespace neso {

struct TextSettings {
  std::string model;      // for sentences
  size_t max_tokens = 0;  // with specials; 0: no limit
  std::map<std::string, std::string> prompts = {};
  std::string default_prompt_name = {};  // empty: none
};

struct PreparedText {
  SequenceWork sequence;
  size_t original_tokens = 0;  // of a very long text: at least so many
  bool truncated = false;
};

// Immutable; any thread.
class TextInput {
 public:
  TextInput(std::shared_ptr<const Tokenizer> tokenizer, TextSettings settings);

  // The words to put before a text; empty name: the default prompt, or nothing. An unknown name is
  // refused with those there are.
  Result<std::string> prompt(const std::optional<std::string>& name) const;

  // A text that is too long is cut, or refused when `truncate` is false. Of one that is very much
  // too long only the head is tokenized, and original_tokens counts that: a megabyte would keep a
  // thread busy for a third of a second to no end. Beyond kMaxBytes a text whose head does not fill
  // the limit is refused. `life` is asked first, and for the memory that tokenizing takes.
  Result<PreparedText> prepare(std::string_view prompt, std::string_view text, bool truncate,
                               const RequestLife& life = {}) const;

  static constexpr size_t kHeadBytesPerToken = 256;
  static constexpr size_t kMaxBytes = size_t{2} << 20;
  // What tokenizing takes of memory, for each byte of text.
  static constexpr size_t kMemoryPerByte = 128;

 private:
  Result<Encoding> encode(std::string_view text, bool truncate, const RequestLife& life) const;
  Result<Encoding> tokenize(std::string_view text, const RequestLife& life) const;
  std::shared_ptr<const Tokenizer> tokenizer_;
  TextSettings settings_;
};

// A model folder may ask for lower case before the tokenizer. Most such tokenizers fold case
// themselves, then nothing is to do; one that does not is refused, since its vectors would be
// wrong.
Result<> check_lowercase_is_the_tokenizers(const Tokenizer& tokenizer);

}  // namespace neso
