// SPDX-License-Identifier: Apache-2.0
// A graph on ONNX Runtime, opened where its config wants its instances: on GPUs, if there are some,
// else on the CPU.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"
#include "config/model_config.h"
#include "model/loading/engine_loader.h"
#include "model/loading/model_files.h"

namespace neso {

// library: of ONNX Runtime; empty: searched for.
Result<OpenedEngine> open_onnx(const ModelFiles& files, const ModelConfig& config,
                               const std::filesystem::path& library);

// What a model on our own engine has to be told when its config asks for a GPU; else empty.
std::string own_engine_warning(const ModelConfig& config);

}  // namespace neso
