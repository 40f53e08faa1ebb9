// SPDX-License-Identifier: Apache-2.0
// Private to this folder: ONNX Runtime's statuses as our errors, without the paths of the machine
// that built it.
#pragma once

#include <onnxruntime_c_api.h>

#include <string>
#include <string_view>

#include "base/result.h"

namespace neso {

// Takes the status over. InvalidArgument for the library's INVALID_ARGUMENT, Internal for the rest.
Result<> ort_check(const OrtApi& api, OrtStatus* status);

// The same for opening a model, where nearly every failure is the file's: InvalidArgument, except
// for what the library lacks (Unsupported) and what broke inside it (Internal).
Result<> ort_check_load(const OrtApi& api, OrtStatus* status);

// The library's text for a user: one line, source locations ("/onnxruntime_src/.../x.h:91
// Class::function(...)") and the folders of absolute paths removed. Names of nodes, which look like
// paths, stay.
std::string clean_ort_message(std::string_view message);

}  // namespace neso
