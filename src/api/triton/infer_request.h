// SPDX-License-Identifier: Apache-2.0
// An HTTP infer request and its answer, in KServe v2's JSON and Triton's binary tensor extension.
// Pure functions: bytes to InferRequest, InferResponse to bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "net/http_message.h"
#include "request/requests.h"
#include "request/shared_memory.h"

namespace neso::triton {

// The header that says where in a body the JSON ends and binary tensors begin.
constexpr std::string_view kInferenceHeaderLength = "Inference-Header-Content-Length";

// A body taken apart: its JSON, and the binary tensors behind it. Views into the body.
struct BodyParts {
  std::string_view json;
  std::string_view tail;
  bool raw = false;  // no JSON: all of `tail` is the model's one input
  // Keeps the body, for tensors that stay in it, and what it takes. Null: they are to be copied.
  std::shared_ptr<const void> owner = {};
  size_t owned_bytes = 0;
};

// By the header Inference-Header-Content-Length; without it everything is JSON, and an empty body
// is raw.
Result<BodyParts> split_body(const net::HttpRequest& request);

// How the caller wants the outputs written.
struct OutputFormats {
  bool binary_default = false;
  struct Named {
    std::string name;
    std::optional<bool> binary;
    bool shared = false;  // its bytes went into the client's memory
  };
  std::vector<Named> named;

  bool binary(const std::string& output) const;
  bool shared(const std::string& output) const;
};

struct DecodedInfer {
  InferRequest request;
  OutputFormats formats;
};

// Decodes the body of a POST .../infer into a request whose model is `model`. Sentences are
// Triton's where Triton has one for a 400; where Triton's JSON library answers 500, a 400 that
// names the field and the value. max_bytes bounds the elements of all inputs together; `memory` has
// the regions that tensors may lie in.
Result<DecodedInfer> decode_infer(std::string_view model, const BodyParts& parts, size_t max_bytes,
                                  const SharedMemoryRegistry& memory);

// A 200 with JSON, or JSON and binary tensors behind it: large ones from where they are. `helpers`
// as JsonWriter::numbers() takes them.
Result<net::HttpResponse> encode_infer(const InferResponse& response, const OutputFormats& formats,
                                       ThreadPool* helpers = nullptr);

}  // namespace neso::triton
