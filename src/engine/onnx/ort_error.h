// SPDX-License-Identifier: Apache-2.0
// Private to this folder: ONNX Runtime's statuses as our errors, without the paths of the machine
// that built it.
#pragma once

#include <onnxruntime_c_api.h>

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace neso {

// Takes the status over. InvalidArgument for the library's INVALID_ARGUMENT, Internal for the rest.
Result<> ort_check(const OrtApi& api, OrtStatus* status);

// The same for opening a model, where nearly every failure is the file's: InvalidArgument, except
// for what the library lacks (Unsupported) and what broke inside it (Internal).
Result<> ort_check_load(const OrtApi& api, OrtStatus* status);

// The same for running a model. That one of its nodes cannot compute with what it was given is the
// inputs' fault (an id outside the vocabulary, a text longer than the positions) and
// InvalidArgument, also where the library calls it a failure of its own; but not when memory ran
// out.
Result<> ort_check_run(const OrtApi& api, OrtStatus* status);

// "Non-zero status code returned while running Gather node. Name:'/a/Gather' Status Message: ...",
// cleaned, as a sentence about the inputs; nullopt for any other text and for one about memory or a
// GPU.
std::optional<std::string> refused_inputs(std::string_view message);

// The library's text for a user: one line, source locations ("/onnxruntime_src/.../x.h:91
// Class::function(...)") and the folders of absolute paths removed. Names of nodes, which look like
// paths, stay.
std::string clean_ort_message(std::string_view message);

}  // namespace neso
