// SPDX-License-Identifier: Apache-2.0
// What the scalars of a request say that stand beside its tensors: the id, and the members of
// `parameters` objects, of the request, of an input and of an output. Of two members of one name
// the first counts, as in Triton.
#pragma once

#include <string>
#include <string_view>

#include "api/triton/infer_body.h"
#include "api/triton/tensor_json.h"
#include "base/json_writer.h"
#include "base/result.h"
#include "request/requests.h"

namespace neso::triton {

// The request's `id`.
Result<std::string> request_id(const JsonScalar& value);

Result<> set_request_parameter(InferBody& body, std::string_view key, const JsonScalar& value);
// `input_name`: for sentences, since the name may come later in the document.
Result<> set_input_parameter(BodyInput& input, std::string_view input_name, std::string_view key,
                             const JsonScalar& value);
Result<> set_output_parameter(BodyOutput& output, std::string_view key, const JsonScalar& value);

// Of an input or output: an object or array where a parameter takes none.
Result<> check_container_parameter(std::string_view key);

// Triton's sentence about a custom parameter that is null, an array or an object.
Error parameter_of_wrong_type(std::string_view key);

// The other way: a parameter of a response, as a value.
void write_parameter(JsonWriter& writer, const ResponseParameter& parameter);

}  // namespace neso::triton
