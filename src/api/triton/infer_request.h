// SPDX-License-Identifier: Apache-2.0
// An HTTP infer request and its answer, in KServe v2's JSON and Triton's binary tensor extension.
// Pure functions: bytes to InferRequest, InferResponse to bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "net/http_message.h"
#include "serving/requests.h"

namespace neso::triton {

// How the caller wants the outputs written.
struct OutputFormats {
  bool binary_default = false;
  struct Named {
    std::string name;
    std::optional<bool> binary;
  };
  std::vector<Named> named;

  bool binary(const std::string& output) const;
};

struct DecodedInfer {
  InferRequest request;
  OutputFormats formats;
};

// Decodes a POST .../infer. Model and version come from the path. Sentences are Triton's where
// Triton has one for a 400; where Triton's JSON library answers 500, a 400 that names the field and
// the value.
Result<DecodedInfer> decode_infer(std::string model, std::optional<int64_t> version,
                                  const net::HttpRequest& request, size_t max_bytes);

// A 200 with JSON, or JSON and binary tensors behind it.
Result<net::HttpResponse> encode_infer(const InferResponse& response, const OutputFormats& formats);

}  // namespace neso::triton
