// SPDX-License-Identifier: Apache-2.0
// Triton's generate extension: a request is a flat JSON object whose members are inputs, of
// whatever names the model has, or parameters; the answer is one too. Pure functions.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "request/requests.h"

namespace neso::triton {

// A member with the name of one of `inputs` is that input, a scalar or a flat array; any other is a
// custom parameter, of which only the kind is checked. A member `parameters` is opened, and its
// members are treated the same way. Shapes follow from the number of elements. Sentences are
// Triton's where it has one for a 400. max_bytes bounds the elements of all inputs together.
Result<InferRequest> decode_generate(std::string_view model, std::string_view body,
                                     std::span<const TensorMetadata> inputs, size_t max_bytes);

// Outputs, parameters, `id`, `model_name` and `model_version`, sorted by name; an output of one
// element is a scalar, any other a flat array. InvalidArgument for FP16 and BF16.
Result<std::string> encode_generate(const InferResponse& response);

}  // namespace neso::triton
