// SPDX-License-Identifier: Apache-2.0
// A look at an ONNX file before ONNX Runtime or we ourselves read its weights. Walks the protobuf's
// structure and refuses what is cut short or nested too deep, and weights kept in files ("external
// data") that are not in the model's folder: names in a model file must not make a server read
// other files of its machine.
#pragma once

#include <cstdint>
#include <filesystem>

#include "base/result.h"

namespace neso {

// InvalidArgument with a sentence for a file that must not be opened; NotFound when it, or a file
// it needs, is absent.
Result<> check_onnx_file(const std::filesystem::path& model);

// The same; answers the size of the file and of those it needs, together, in bytes.
Result<uint64_t> measure_onnx_file(const std::filesystem::path& model);

}  // namespace neso
