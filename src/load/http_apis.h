// SPDX-License-Identifier: Apache-2.0
// The HTTP APIs: how each asks for the vectors of texts, and where its answers have them.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "load/http_protocol.h"

namespace neso::load {

// Texts in, a vector for each of them out.
class TextApi : public HttpApi {
 public:
  explicit TextApi(const PayloadOptions& options) : options_(options), texts_(options) {}
  int64_t rows() const final { return static_cast<int64_t>(options_.rows); }

 protected:
  const PayloadOptions options_;
  TextSource texts_;
};

// POST /api/embed {"model","input":[...]} -> {"embeddings":[[...],...]}
class OllamaApi final : public TextApi {
 public:
  using TextApi::TextApi;
  Result<HttpBody> next() override;
  int64_t rows_of(std::string_view answer) const override;
};

// POST /v1/embeddings {"model","input":[...]} -> {"data":[{"embedding":[...]},...]}. Vectors come
// in base64 when binary ones are wanted, which OpenAI's own clients ask for.
class OpenAiApi final : public TextApi {
 public:
  using TextApi::TextApi;
  Result<HttpBody> next() override;
  int64_t rows_of(std::string_view answer) const override;
};

// POST /embed {"inputs":[...]} -> [[...],...], as Text Embeddings Inference has it.
class TeiApi final : public TextApi {
 public:
  using TextApi::TextApi;
  Result<HttpBody> next() override;
  int64_t rows_of(std::string_view answer) const override;
};

// POST /v2/models/NAME/infer, with the inputs that the model's metadata names.
class TritonApi final : public HttpApi {
 public:
  // Asks the server for the metadata and the config. Blocks.
  static Result<std::unique_ptr<HttpApi>> open(const Target& target, const PayloadOptions& options);
  Result<HttpBody> next() override;
  int64_t rows_of(std::string_view answer) const override;
  int64_t rows() const override { return rows_; }

 private:
  TritonApi(const PayloadOptions& options, TensorSource tensors, int64_t rows)
      : path_("/v2/models/" + options.model + "/infer"),
        binary_(options.binary),
        rows_(rows),
        tensors_(std::move(tensors)) {}

  const std::string path_;
  const bool binary_;
  const int64_t rows_;
  TensorSource tensors_;
};

}  // namespace neso::load
