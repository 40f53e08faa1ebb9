// SPDX-License-Identifier: Apache-2.0
#include "api/grpc/describe.h"

#include <string>

namespace neso::grpc_api {
namespace {

using google::protobuf::RepeatedPtrField;

void set_tensors(std::span<const TensorMetadata> tensors,
                 RepeatedPtrField<inference::ModelMetadataResponse::TensorMetadata>& messages) {
  for (const TensorMetadata& tensor : tensors) {
    auto& message = *messages.Add();
    message.set_name(tensor.name);
    message.set_datatype(std::string(kserve_name(tensor.dtype)));
    message.mutable_shape()->Add(tensor.shape.begin(), tensor.shape.end());
  }
}

void set(inference::StatisticDuration* message, const DurationStatistic& duration) {
  message->set_count(duration.count);
  message->set_ns(duration.ns);
}

void describe(const ModelStatistics& model, inference::ModelStatistics& message) {
  message.set_name(model.name);
  message.set_version(std::to_string(model.version));
  message.set_last_inference(model.last_inference_ms);
  message.set_inference_count(model.inference_count);
  message.set_execution_count(model.execution_count);
  auto& requests = *message.mutable_inference_stats();
  set(requests.mutable_success(), model.success);
  set(requests.mutable_fail(), model.fail);
  set(requests.mutable_queue(), model.queue);
  set(requests.mutable_compute_input(), model.compute_input);
  set(requests.mutable_compute_infer(), model.compute_infer);
  set(requests.mutable_compute_output(), model.compute_output);
  set(requests.mutable_cache_hit(), model.cache_hit);
  set(requests.mutable_cache_miss(), model.cache_miss);
  for (const BatchStatistic& size : model.batches) {
    auto& batch = *message.add_batch_stats();
    batch.set_batch_size(size.batch_size);
    set(batch.mutable_compute_input(), size.compute_input);
    set(batch.mutable_compute_infer(), size.compute_infer);
    set(batch.mutable_compute_output(), size.compute_output);
  }
}

}  // namespace

void describe(const ModelMetadata& metadata, inference::ModelMetadataResponse& message) {
  message.set_name(metadata.name);
  for (const int64_t version : metadata.versions) message.add_versions(std::to_string(version));
  message.set_platform(metadata.platform);
  set_tensors(metadata.inputs, *message.mutable_inputs());
  set_tensors(metadata.outputs, *message.mutable_outputs());
}

void describe(std::span<const ModelStatistics> models,
              inference::ModelStatisticsResponse& message) {
  for (const ModelStatistics& model : models) describe(model, *message.add_model_stats());
}

void describe(std::span<const IndexEntry> entries, inference::RepositoryIndexResponse& message) {
  for (const IndexEntry& entry : entries) {
    auto& model = *message.add_models();
    model.set_name(entry.name);
    if (entry.version) model.set_version(std::to_string(*entry.version));
    model.set_state(entry.state);
    model.set_reason(entry.reason);
  }
}

}  // namespace neso::grpc_api
