// SPDX-License-Identifier: Apache-2.0
// The list of protocols: a new one is a line here.
#include "load/protocol.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/error.h"
#include "load/grpc_protocol.h"
#include "load/http_apis.h"

namespace neso::load {
namespace {

// Without --texts, and with it at least.
constexpr size_t kRequests = 4096;

template <typename Api>
Result<std::unique_ptr<HttpApi>> text_api(const Target&, const PayloadOptions& payload) {
  return std::unique_ptr<HttpApi>(std::make_unique<Api>(payload));
}

// Enough that every text of --texts is sent.
size_t requests_for(const PayloadOptions& payload) {
  return std::max(kRequests, (payload.texts.size() + payload.rows - 1) / payload.rows);
}

template <auto open_api>
Result<std::unique_ptr<Protocol>> http(const Target& target, const PayloadOptions& payload) {
  NESO_TRY(std::unique_ptr<HttpApi> api, open_api(target, payload));
  return make_http_protocol(target, std::move(api), requests_for(payload));
}

Result<std::unique_ptr<Protocol>> grpc(const Target& target, const PayloadOptions& payload) {
  return open_grpc_protocol(target, payload, requests_for(payload));
}

struct Entry {
  std::string_view name;
  bool has_binary;   // a second form of requests or answers
  bool has_tensors;  // takes tensors, not texts alone
  Result<std::unique_ptr<Protocol>> (*open)(const Target&, const PayloadOptions&);
};

constexpr std::array<Entry, 5> kProtocols = {{
    {"triton", true, true, &http<&TritonApi::open>},
    {"triton-grpc", false, true, &grpc},
    {"ollama", false, false, &http<&text_api<OllamaApi>>},
    {"openai", true, false, &http<&text_api<OpenAiApi>>},
    {"tei", false, false, &http<&text_api<TeiApi>>},
}};

const Entry* find_protocol(std::string_view name) {
  const auto* found = std::ranges::find(kProtocols, name, &Entry::name);
  return found == kProtocols.end() ? nullptr : found;
}

}  // namespace

std::string api_names() {
  std::string names;
  for (const Entry& entry : kProtocols) names.append(names.empty() ? "" : ", ").append(entry.name);
  return names;
}

Result<> check_api(std::string_view name) {
  if (find_protocol(name) != nullptr) return {};
  return invalid_argument("there is no API '{}'; choose from {}", name, api_names());
}

Result<std::unique_ptr<Protocol>> open_protocol(const Target& target,
                                                const PayloadOptions& payload) {
  NESO_TRY_VOID(check_api(target.api));
  const Entry& entry = *find_protocol(target.api);
  if (payload.binary && !entry.has_binary)
    return invalid_argument("the API {} has no binary form: leave out --binary", entry.name);
  if (!entry.has_tensors && !(payload.shapes.empty() && payload.text_input.empty())) {
    return invalid_argument("the API {} takes texts alone: leave out --shape and --text-input",
                            entry.name);
  }
  return entry.open(target, payload);
}

}  // namespace neso::load
