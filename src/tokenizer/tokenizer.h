// SPDX-License-Identifier: Apache-2.0
// Text to token ids by a Hugging Face tokenizer.json, through the tokenizers crate (rust/).
// Immutable after load; every method may be called from any number of threads at once. The
// truncation and padding saved in the file are ignored: limits belong to the model, padding does
// not exist here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace neso {

struct Encoding {
  std::vector<int32_t> ids;
  std::vector<int32_t> type_ids;
  size_t original_tokens = 0;  // with specials, before truncation
  bool truncated = false;      // original_tokens > ids.size()
};

enum class TruncationSide { Right, Left };

struct EncodeOptions {
  bool add_special_tokens = true;
  size_t max_tokens = 0;  // 0: no limit. Otherwise ids.size() <= max_tokens; specials are kept,
                          // text tokens are cut.
  TruncationSide side = TruncationSide::Right;
};

class Tokenizer {
 public:
  // Reads tokenizer.json. A file that is none, or is over 256 MiB, is refused with its path.
  static Result<std::shared_ptr<const Tokenizer>> load(const std::filesystem::path& tokenizer_json);
  ~Tokenizer();
  Tokenizer(const Tokenizer&) = delete;
  Tokenizer& operator=(const Tokenizer&) = delete;

  // Text is UTF-8; invalid UTF-8 is InvalidArgument with the byte offset. NUL bytes are ordinary
  // text. Time is linear, about 0.3 us a byte and at worst 7, whatever max_tokens is: the caller
  // bounds the length of a text.
  Result<Encoding> encode(std::string_view text, const EncodeOptions& options = {}) const;

  // One more than the largest id that encode can produce, added tokens included.
  size_t vocabulary_size() const { return vocabulary_size_; }

  // Special tokens added to one text; the least max_tokens that encode accepts when it adds them.
  size_t special_tokens() const { return special_tokens_; }

 private:
  struct Handle;
  explicit Tokenizer(std::unique_ptr<Handle> handle);
  std::unique_ptr<Handle> handle_;
  size_t vocabulary_size_ = 0;
  size_t special_tokens_ = 0;
};

}  // namespace neso
