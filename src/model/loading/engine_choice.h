// SPDX-License-Identifier: Apache-2.0
// Which engine runs a model version: one decision over what its folder holds and what its config
// asks for, with the reason in words for the log. Pure.
#pragma once

#include <string>

#include "base/result.h"
#include "config/model_config.h"

namespace neso {

enum class EngineKind { Cpu, Onnx };

// What a version's folders hold.
struct EngineCandidates {
  bool has_weights = false;       // safetensors of an architecture that our engine runs
  std::string no_weights_reason;  // why not, when there is a model description at all
  bool has_onnx_weights = false;  // they are those of the ONNX file below
  bool has_onnx = false;
  std::string onnx_file;  // name below the model folder, for people: "1/model.onnx"
};

// May our engine encode for ONNX Runtime, with the weights of the graph?
enum class NativeEncoding { No, IfItAgrees, Required };

struct EngineChoice {
  EngineKind kind = EngineKind::Cpu;
  std::string reason;
  NativeEncoding native = NativeEncoding::No;
};

// First rule that fits:
//   backend other than onnxruntime or neso          refused
//   parameters.engine "cpu" or "onnx"               that one, or refused; for weights of an ONNX
//                                                   file "cpu" is onnx with native encoding
//   backend onnxruntime, an ONNX file               onnx
//   weights                                         cpu
//   an ONNX file                                    onnx
//   else                                            refused
// Where onnx is chosen without a parameter, and the ONNX file has weights that our engine runs,
// that one encodes if it agrees.
Result<EngineChoice> choose_engine(const ModelConfig& config, const EngineCandidates& candidates);

}  // namespace neso
