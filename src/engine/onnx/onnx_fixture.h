// SPDX-License-Identifier: Apache-2.0
// For this folder's tests: the library, the models of tests/data/onnx (tools/make_onnx_models.py).
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "engine/onnx/onnx_engine.h"

namespace neso::onnx_fixture {

// Aborts the test program when the library is not there: `./dev setup` fetches it.
std::shared_ptr<OnnxRuntime> runtime();

std::filesystem::path model_path(std::string_view name);
std::string model_bytes(std::string_view name);

// A model that must open.
std::unique_ptr<Engine> open(std::string_view name, const OnnxOptions& options = {});
// The error of a model that must not; an error that says so when it opens all the same.
Error open_error(const std::filesystem::path& path, const OnnxOptions& options = {});

}  // namespace neso::onnx_fixture
