// SPDX-License-Identifier: Apache-2.0
// An infer request checked and turned into work for the scheduler, with the way back from the
// work's outputs to the response's tensors. Pure; the two kinds of models differ only here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "config/model_config.h"
#include "engine/pooling.h"
#include "model/encoder_signature.h"
#include "model/text_input.h"
#include "model/token_rows.h"
#include "request/requests.h"
#include "scheduling/job.h"

namespace neso {

struct InferPlan {
  std::vector<JobWork> works;     // never empty
  size_t rows = 0;                // the request's batch size
  bool one_work_per_row = false;  // work i belongs to row i % rows
  size_t truncated_texts = 0;
  // The works' outputs, in order, to the response's outputs in the config's order. Uses the model.
  std::function<std::vector<NamedTensor>(std::vector<JobOutput>)> assemble;
};

// Any model: the request's tensors, checked, go through the graph.
struct TensorModel {
  RequestRules rules;
  std::vector<ModelTensor> inputs;  // of the config, for their reshape
  std::vector<ModelTensor> outputs;
  bool joins_requests = false;  // rows of several requests may share a run
};
TensorModel make_tensor_model(const ModelConfig& config);
Result<InferPlan> plan_tensors(const TensorModel& model, InferRequest& request);

// A text encoder: ids or texts become sequences.
struct EncoderModel {
  EncoderSignature signature;
  TokenLimits limits;
  int32_t pad_token_id = 0;
  size_t pooled_width = 0;
  size_t width = 0;  // served: finish.dimensions, or pooled_width
  VectorFinish finish;
  size_t hidden = 0;
  bool graph_joins_requests = false;
  std::optional<TextInput> text;
};
Result<InferPlan> plan_encoder(const EncoderModel& model, InferRequest& request,
                               const RequestLife& life);

}  // namespace neso
