// SPDX-License-Identifier: Apache-2.0
// The tensors of a graph that the server fills in for a sequence: controls, and the states that it
// keeps from one request to the next. Checked against the graph once, at load.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "config/model_config.h"
#include "engine/engine.h"
#include "request/requests.h"
#include "scheduling/job.h"

namespace neso {

// A number in decimal.
std::string text_of(const CorrelationId& id);

class SequenceTensors {
 public:
  // config.sequence_batching is set. Reads initial states from model_folder. The sentences are
  // those of Triton's core and of its ONNX Runtime backend.
  static Result<SequenceTensors> make(const ModelConfig& config, const EngineInfo& engine,
                                      const std::filesystem::path& model_folder);

  // A request's inputs with the controls of its step and the sequence's states, and its outputs
  // with those that are states. `states` is what take_states() answered for the request before, or
  // empty; a start does not look at it.
  void complete(const SequenceStep& step, const std::vector<NamedTensor>& states,
                TensorWork& work) const;
  // Out of a run's outputs: the states, by the names of the inputs that they become. In `outputs`
  // only the `wanted` stay.
  std::vector<NamedTensor> take_states(const std::vector<std::string>& wanted,
                                       std::vector<NamedTensor>& outputs) const;

 private:
  Tensor control_tensor(const SequenceControl& control, const SequenceStep& step) const;

  std::vector<SequenceControl> controls_;
  std::vector<SequenceState> states_;
  std::vector<NamedTensor> initial_;  // one a state
  bool batched_ = false;
};

}  // namespace neso
