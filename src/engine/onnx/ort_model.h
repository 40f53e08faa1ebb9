// SPDX-License-Identifier: Apache-2.0
// Private to this folder: one opened model in ONNX Runtime, its declared tensors, and a run of it.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"
#include "engine/onnx/onnx_engine.h"
#include "engine/onnx/ort_runtime.h"

namespace neso {

// At most one thread at a time.
class OrtModel {
 public:
  // The file has passed check_onnx_file.
  static Result<OrtModel> open(std::shared_ptr<const OnnxRuntime> runtime,
                               const std::filesystem::path& path, const OnnxOptions& options);

  const std::vector<TensorSpec>& inputs() const { return inputs_; }
  const std::vector<TensorSpec>& outputs() const { return outputs_; }

  // Inputs have passed check_inputs, outputs select_outputs. The answers are in the order of
  // `outputs` and stay valid when the model is gone.
  Result<std::vector<NamedTensor>> run(std::span<const NamedTensor> inputs,
                                       std::span<const std::string> outputs);

 private:
  OrtModel(std::shared_ptr<const OnnxRuntime> runtime, OrtHandle<OrtSession> session,
           OrtHandle<OrtRunOptions> run_options)
      : runtime_(std::move(runtime)),
        session_(std::move(session)),
        run_options_(std::move(run_options)) {}
  Result<> read_declarations();

  std::shared_ptr<const OnnxRuntime> runtime_;
  OrtHandle<OrtSession> session_;
  OrtHandle<OrtRunOptions> run_options_;
  std::vector<TensorSpec> inputs_;
  std::vector<TensorSpec> outputs_;
};

}  // namespace neso
