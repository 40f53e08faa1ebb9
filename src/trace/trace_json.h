// SPDX-License-Identifier: Apache-2.0
// A trace as Triton's trace files have it.
#pragma once

#include <string>

#include "trace/trace.h"

namespace neso {

// Objects with commas between them: an element or more of the file's array, part by part. Of each
// part what was stamped before its model was known, the model, the other stamps, the tensors.
std::string trace_json(const FinishedTrace& trace);

// The elements of a tensor with commas between them, as the files have them: whole numbers, six
// significant digits of others, texts in quotes.
std::string traced_elements(const Tensor& tensor);

}  // namespace neso
