// SPDX-License-Identifier: Apache-2.0
// The weights of an ONNX file under the names and in the shapes of the model that was exported, so
// that our engines can run it. Which weights those are: onnx_weight_names.h.
#pragma once

#include <filesystem>
#include <memory>

#include "base/result.h"
#include "checkpoint/weight_store.h"

namespace neso {

// NotFound when there is no such file, Unsupported or InvalidArgument, with a sentence, when its
// weights are not to be had. Elements are read when they are asked for, also from the files beside
// the model that hold external data.
Result<std::shared_ptr<const WeightStore>> open_onnx_weights(const std::filesystem::path& model);

}  // namespace neso
