// SPDX-License-Identifier: Apache-2.0
#include "load/http_apis.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/json_writer.h"
#include "load/tally.h"
#include "load/triton_wire.h"

namespace neso::load {
namespace {

std::string texts_body(std::string_view model, std::string_view key,
                       std::span<const std::string> texts, bool base64) {
  JsonWriter writer;
  writer.begin_object();
  if (!model.empty()) writer.key("model").string(model);
  writer.key(key).begin_array();
  for (const std::string& text : texts) writer.string(text);
  writer.end_array();
  if (base64) writer.key("encoding_format").string("base64");
  writer.end_object();
  return std::move(writer).text();
}

// The arrays of numbers in a JSON text: vectors hold no bracket of their own.
int64_t count_arrays(std::string_view json) {
  return std::ranges::count(json, '[');
}

// A GET that must succeed; `missing_is_empty`: a route that is not there gives an empty text.
Result<std::string> get(const Target& target, const std::string& path, bool missing_is_empty) {
  NESO_TRY(net::HttpAnswer answer,
           net::http_ask(target.url, target.endpoint, {"GET", path}, target.timeout_ns));
  if (answer.status == 200) return std::move(answer.body);
  if (missing_is_empty && (answer.status == 404 || answer.status == 405 || answer.status == 501))
    return std::string();
  return not_found("GET {}{} was answered with status {}: {}", target.url.path, path, answer.status,
                   sentence_in(answer.body));
}

bool goes_into_a_path(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return c > ' ' && c < 0x7f && c != '/' && c != '?' && c != '#';
  });
}

}  // namespace

Result<HttpBody> OllamaApi::next() {
  const auto texts = texts_.next(options_.rows);
  return HttpBody{.path = "/api/embed", .bytes = texts_body(options_.model, "input", texts, false)};
}

int64_t OllamaApi::rows_of(std::string_view answer) const {
  const size_t at = answer.find("\"embeddings\"");
  return at == answer.npos ? -1 : count_arrays(answer.substr(at)) - 1;
}

Result<HttpBody> OpenAiApi::next() {
  const auto texts = texts_.next(options_.rows);
  return HttpBody{.path = "/v1/embeddings",
                  .bytes = texts_body(options_.model, "input", texts, options_.binary)};
}

// "embedding" is also the value of every item's "object": only a key counts.
int64_t OpenAiApi::rows_of(std::string_view answer) const {
  constexpr std::string_view kKey = "\"embedding\"";
  if (answer.find("\"data\"") == answer.npos) return -1;
  int64_t rows = 0;
  for (size_t at = answer.find(kKey); at != answer.npos; at = answer.find(kKey, at)) {
    at += kKey.size();
    const size_t behind = answer.find_first_not_of(" \t\r\n", at);
    if (behind != answer.npos && answer[behind] == ':') ++rows;
  }
  return rows;
}

Result<HttpBody> TeiApi::next() {
  const auto texts = texts_.next(options_.rows);
  return HttpBody{.path = "/embed", .bytes = texts_body({}, "inputs", texts, false)};
}

int64_t TeiApi::rows_of(std::string_view answer) const {
  const size_t start = answer.find_first_not_of(" \t\r\n");
  return start == answer.npos || answer[start] != '[' ? -1 : count_arrays(answer) - 1;
}

Result<std::unique_ptr<HttpApi>> TritonApi::open(const Target& target,
                                                 const PayloadOptions& options) {
  if (!goes_into_a_path(options.model))
    return invalid_argument("'{}' is no name of a model that a path can hold", options.model);
  const std::string path = "/v2/models/" + options.model;
  NESO_TRY(const std::string metadata, get(target, path, false));
  NESO_TRY(std::vector<InputSpec> inputs, read_model_metadata(metadata));
  NESO_TRY(const std::string config, get(target, path + "/config", true));
  NESO_TRY(const bool batches, read_batches(config, inputs));
  NESO_TRY(TensorSource tensors, tensors_of(std::move(inputs), batches, options));
  const int64_t rows = batches ? static_cast<int64_t>(options.rows) : 0;
  return std::unique_ptr<HttpApi>(new TritonApi(options, std::move(tensors), rows));
}

Result<HttpBody> TritonApi::next() {
  const std::vector<NamedTensor> inputs = tensors_.next();
  if (!binary_) {
    NESO_TRY(InferBody body, json_infer_body(inputs));
    return HttpBody{.path = path_, .bytes = std::move(body.bytes)};
  }
  InferBody body = binary_infer_body(inputs);
  return HttpBody{.path = path_,
                  .content_type = "application/octet-stream",
                  .headers = {{"Inference-Header-Content-Length", std::to_string(body.json_bytes)}},
                  .bytes = std::move(body.bytes)};
}

int64_t TritonApi::rows_of(std::string_view answer) const {
  return rows_of_answer(answer);
}

}  // namespace neso::load
