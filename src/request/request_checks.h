// SPDX-License-Identifier: Apache-2.0
// Triton's core checks of an infer request against a model's config, in Triton's order and words
// (core/src/infer_request.cc). What is checked here needs no knowledge of what the model computes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/model_config.h"
#include "request/requests.h"

namespace neso {

// What a model lets a client send.
struct RequestRules {
  std::string model;
  int64_t max_batch_size = 0;
  std::vector<ModelTensor>
      inputs;  // as the config has them, `optional` also where we can derive one
  std::vector<std::string> outputs;
  std::vector<std::string> unlisted_outputs = {};  // answered when asked for by name
};

// Of a model that takes just what its config declares.
RequestRules rules_of(const ModelConfig& config);

// "[request id: ID] ", in front of the sentences that Triton writes about a request.
std::string request_prefix(std::string_view id);

// No input comes twice.
Result<> check_duplicates(const InferRequest& request);

// The outputs to answer: the wanted ones, or all, in the config's order and each once.
Result<std::vector<std::string>> check_outputs(const RequestRules& rules,
                                               const InferRequest& request);

// Number, names, batch size, and each input's type, shape and byte size. Answers the batch size, 0
// when the model has no batch dimension.
Result<int64_t> check_inputs(const RequestRules& rules, const InferRequest& request);

// The elements of a BYTES input that should have `count` of them, as views.
Result<std::vector<std::string_view>> check_bytes_input(std::string_view model,
                                                        const InferRequest& request,
                                                        const NamedTensor& input, int64_t count);

// The shape that the graph sees for a client's tensor, and that a client sees for the graph's: dims
// exchanged for the config's reshape, sizes of variable dimensions carried over in order. `shape`
// includes the batch dimension when `batched`.
Shape graph_shape(const ModelTensor& declared, const Shape& shape, bool batched);
Shape client_shape(const ModelTensor& declared, const Shape& shape, bool batched);

}  // namespace neso
