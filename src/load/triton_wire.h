// SPDX-License-Identifier: Apache-2.0
// KServe v2 over HTTP as its client sees it: what a model says of itself, and the bodies of infer
// requests.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "load/payload.h"
#include "tensor/tensor.h"

namespace neso::load {

// The inputs of GET /v2/models/NAME.
Result<std::vector<InputSpec>> read_model_metadata(std::string_view body);
// Whether the model has a batch dimension: max_batch_size of GET .../config, or, where that route
// is missing (an empty body), whether every input's first dimension is open.
Result<bool> read_batches(std::string_view config_body, std::span<const InputSpec> inputs);

// What requests to such a model carry: its inputs, or with texts that none of them takes, neso's
// own input `text`.
Result<TensorSource> tensors_of(std::vector<InputSpec> inputs, bool batches,
                                const PayloadOptions& options);

struct InferBody {
  std::string bytes;
  size_t json_bytes = 0;  // of Inference-Header-Content-Length, when `bytes` is more than JSON
};
// FP16 and BF16 exist only in the binary form: Unsupported.
Result<InferBody> json_infer_body(std::span<const NamedTensor> inputs);
// Inputs and outputs as bytes behind the JSON.
InferBody binary_infer_body(std::span<const NamedTensor> inputs);

// The first dimension of the first output in an answer of either form; -1 when there is none.
int64_t rows_of_answer(std::string_view body);

}  // namespace neso::load
