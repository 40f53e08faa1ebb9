// SPDX-License-Identifier: Apache-2.0
#include "tokenizer/tokenizer.h"

#include <string>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "neso_tokenizers.h"

namespace neso {
namespace {

constexpr size_t kMaxFileBytes = size_t{256} << 20;

const uint8_t* bytes_of(std::string_view text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}

// Takes over the crate's error.
Error take(NesoTokenizersError& error) {
  std::string message = error.message;
  const auto code = static_cast<NesoTokenizersErrorCode>(error.code);
  neso_tokenizers_error_free(&error);
  switch (code) {
    case NESO_TOKENIZERS_INVALID_ARGUMENT:
      return Error{ErrorCode::InvalidArgument, std::move(message)};
    case NESO_TOKENIZERS_UNSUPPORTED:
      return Error{ErrorCode::Unsupported, std::move(message)};
    case NESO_TOKENIZERS_INTERNAL:
      return Error{ErrorCode::Internal, std::move(message)};
  }
  return Error{ErrorCode::Internal, std::move(message)};
}

struct EncodingDeleter {
  void operator()(NesoEncoding* encoding) const { neso_encoding_free(encoding); }
};
using EncodingGuard = std::unique_ptr<NesoEncoding, EncodingDeleter>;

}  // namespace

struct Tokenizer::Handle {
  explicit Handle(NesoTokenizer* tokenizer) : tokenizer(tokenizer) {}
  ~Handle() { neso_tokenizer_free(tokenizer); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  NesoTokenizer* const tokenizer;
};

Tokenizer::Tokenizer(std::unique_ptr<Handle> handle)
    : handle_(std::move(handle)),
      vocabulary_size_(neso_tokenizer_vocabulary_size(handle_->tokenizer)),
      special_tokens_(neso_tokenizer_special_tokens(handle_->tokenizer)) {}

Tokenizer::~Tokenizer() = default;

Result<std::shared_ptr<const Tokenizer>> Tokenizer::load(
    const std::filesystem::path& tokenizer_json) {
  NESO_TRY(const std::string json, read_file(tokenizer_json, kMaxFileBytes));
  NesoTokenizer* tokenizer = nullptr;
  NesoTokenizersError error{};
  if (!neso_tokenizer_load(bytes_of(json), json.size(), &tokenizer, &error)) {
    return take(error).with_context(
        fmt::format("'{}' cannot be used as a tokenizer", tokenizer_json.string()));
  }
  return std::shared_ptr<const Tokenizer>(new Tokenizer(std::make_unique<Handle>(tokenizer)));
}

Result<Encoding> Tokenizer::encode(std::string_view text, const EncodeOptions& options) const {
  const NesoEncodeRequest request{
      .text = bytes_of(text),
      .text_size = text.size(),
      .max_tokens = options.max_tokens,
      .add_special_tokens = options.add_special_tokens,
      .truncate_left = options.side == TruncationSide::Left,
  };
  NesoEncoding encoded{};
  NesoTokenizersError error{};
  if (!neso_tokenizer_encode(handle_->tokenizer, &request, &encoded, &error)) {
    return take(error);
  }
  const EncodingGuard guard(&encoded);
  Encoding encoding;
  encoding.ids.assign(encoded.ids, encoded.ids + encoded.size);
  encoding.type_ids.assign(encoded.type_ids, encoded.type_ids + encoded.size);
  encoding.original_tokens = encoded.original_tokens;
  encoding.truncated = encoded.original_tokens > encoded.size;
  return encoding;
}

}  // namespace neso
