// SPDX-License-Identifier: Apache-2.0
// The JSON part of a KServe v2 infer request, read from parser events: what was written, before it
// means anything. Wire rules: KServe v2 "Inference Request JSON Object" and Triton's extensions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/triton/tensor_json.h"
#include "base/result.h"
#include "request/requests.h"
#include "tensor/shape.h"

namespace neso::triton {

// A range of a client's memory, as a tensor's parameters name it.
struct BodyRegion {
  std::optional<std::string> name;  // empty: none is meant, whatever the rest says
  std::optional<uint64_t> offset;
  std::optional<uint64_t> byte_size;
};

struct BodyInput {
  std::optional<std::string> name;
  std::optional<Shape> shape;
  std::optional<std::string> datatype;
  bool has_data = false;
  size_t data_count = 0;
  std::vector<std::byte> data;      // typed as datatype says; empty for FP16 and BF16
  std::optional<Error> data_error;  // the first element that does not fit
  std::optional<uint64_t> binary_data_size;
  BodyRegion region;
};

struct BodyOutput {
  std::optional<std::string> name;
  std::optional<bool> binary_data;
  std::optional<uint64_t> classification;
  BodyRegion region;
};

struct InferBody {
  std::string id;
  std::optional<bool> binary_data_output;
  std::optional<CorrelationId> sequence_id;
  std::optional<bool> sequence_start;
  std::optional<bool> sequence_end;
  uint64_t priority = 0;
  uint64_t timeout_us = 0;
  std::optional<std::vector<BodyInput>> inputs;
  std::vector<BodyOutput> outputs;
};

// Reads the document once, or twice when some `data` stands before its `datatype`. max_bytes bounds
// the elements of all inputs together. Errors are sentences for the caller of the API; a syntax
// error starts with Triton's "failed to parse the request JSON buffer: ".
Result<InferBody> read_infer_body(std::string_view json, size_t max_bytes);

}  // namespace neso::triton
