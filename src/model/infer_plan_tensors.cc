// SPDX-License-Identifier: Apache-2.0
// Tensors in, tensors out: checks, reshapes and nothing else.
#include <algorithm>
#include <memory>
#include <utility>

#include "base/check.h"
#include "model/infer_plan.h"
#include "request/request_checks.h"

namespace neso {
namespace {

const ModelTensor& find(const std::vector<ModelTensor>& tensors, const std::string& name) {
  const auto found = std::ranges::find(tensors, name, &ModelTensor::name);
  NESO_CHECK(found != tensors.end());
  return *found;
}

Tensor with_shape(const Tensor& tensor, Shape shape) {
  if (shape == tensor.shape()) return tensor;
  const auto owner = std::make_shared<const Tensor>(tensor);
  return Tensor(owner->dtype(), std::move(shape), owner->bytes(), owner);
}

}  // namespace

TensorModel make_tensor_model(const ModelConfig& config) {
  TensorModel model;
  model.rules = rules_of(config);
  model.inputs = config.inputs;
  model.outputs = config.outputs;
  model.joins_requests = config.max_batch_size > 0 && (config.dynamic_batching.has_value() ||
                                                       config.sequence_batching.has_value());
  return model;
}

Result<InferPlan> plan_tensors(const TensorModel& model, InferRequest& request) {
  NESO_TRY_VOID(check_duplicates(request));
  TensorWork work;
  NESO_TRY(work.outputs, check_outputs(model.rules, request));
  NESO_TRY(const int64_t batch, check_inputs(model.rules, request));
  const bool batched = model.rules.max_batch_size > 0;
  for (NamedTensor& input : request.inputs) {
    Shape shape = graph_shape(find(model.inputs, input.name), input.tensor.shape(), batched);
    work.inputs.push_back({input.name, with_shape(input.tensor, std::move(shape))});
  }
  work.rows = static_cast<size_t>(std::max<int64_t>(1, batch));
  work.joinable = model.joins_requests && batch > 0;

  InferPlan plan;
  plan.rows = work.rows;
  plan.assemble = [&model, wanted = work.outputs, batched](std::vector<JobOutput> outputs) {
    std::vector<NamedTensor> answered;
    for (NamedTensor& output : std::get<std::vector<NamedTensor>>(outputs.front())) {
      Shape shape = client_shape(find(model.outputs, output.name), output.tensor.shape(), batched);
      answered.push_back({output.name, with_shape(output.tensor, std::move(shape))});
    }
    return answered;
  };
  plan.works.emplace_back(std::move(work));
  return plan;
}

}  // namespace neso
