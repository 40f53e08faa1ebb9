// SPDX-License-Identifier: Apache-2.0
#include "engine/onnx/onnx_fixture.h"

#include <fstream>
#include <iterator>

#include "base/check.h"

namespace neso::onnx_fixture {

namespace fs = std::filesystem;

std::shared_ptr<OnnxRuntime> runtime() {
  auto opened = open_onnx_runtime(NESO_ONNX_LIBRARY);
  NESO_CHECK(opened.has_value());
  return *opened;
}

fs::path model_path(std::string_view name) {
  return fs::path(NESO_TEST_DATA) / "onnx" / (std::string(name) + ".onnx");
}

std::string model_bytes(std::string_view name) {
  std::ifstream in(model_path(name), std::ios::binary);
  NESO_CHECK(in.good());
  return {std::istreambuf_iterator<char>(in), {}};
}

std::unique_ptr<Engine> open(std::string_view name, const OnnxOptions& options) {
  OnnxOptions one_thread = options;
  one_thread.intra_op_threads = 1;
  auto engine = open_onnx_engine(runtime(), model_path(name), one_thread);
  NESO_CHECK(engine.has_value());
  return *std::move(engine);
}

Error open_error(const fs::path& path, const OnnxOptions& options) {
  auto engine = open_onnx_engine(runtime(), path, options);
  return engine ? Error{ErrorCode::Internal, "the model opened"} : engine.error();
}

}  // namespace neso::onnx_fixture
