// SPDX-License-Identifier: Apache-2.0
#include "api/triton/describe.h"

#include "base/error.h"
#include "base/json.h"
#include "base/json_writer.h"

namespace neso::triton {
namespace {

void write_tensors(JsonWriter& writer, std::string_view key,
                   std::span<const TensorMetadata> tensors) {
  writer.key(key).begin_array();
  for (const TensorMetadata& tensor : tensors) {
    writer.begin_object();
    writer.key("name").string(tensor.name);
    writer.key("datatype").string(kserve_name(tensor.dtype));
    writer.key("shape").begin_array();
    for (const int64_t size : tensor.shape) writer.integer(size);
    writer.end_array().end_object();
  }
  writer.end_array();
}

void write_duration(JsonWriter& writer, std::string_view key, const DurationStatistic& duration) {
  writer.key(key).begin_object();
  writer.key("count").unsigned_integer(duration.count);
  writer.key("ns").unsigned_integer(duration.ns);
  writer.end_object();
}

void write_statistics(JsonWriter& writer, const ModelStatistics& model) {
  writer.begin_object();
  writer.key("name").string(model.name);
  writer.key("version").string(std::to_string(model.version));
  writer.key("last_inference").unsigned_integer(model.last_inference_ms);
  writer.key("inference_count").unsigned_integer(model.inference_count);
  writer.key("execution_count").unsigned_integer(model.execution_count);
  writer.key("inference_stats").begin_object();
  write_duration(writer, "success", model.success);
  write_duration(writer, "fail", model.fail);
  write_duration(writer, "queue", model.queue);
  write_duration(writer, "compute_input", model.compute_input);
  write_duration(writer, "compute_infer", model.compute_infer);
  write_duration(writer, "compute_output", model.compute_output);
  write_duration(writer, "cache_hit", model.cache_hit);
  write_duration(writer, "cache_miss", model.cache_miss);
  writer.end_object();
  writer.key("response_stats").begin_object().end_object();
  writer.key("batch_stats").begin_array();
  for (const BatchStatistic& batch : model.batches) {
    writer.begin_object();
    writer.key("batch_size").unsigned_integer(batch.batch_size);
    write_duration(writer, "compute_input", batch.compute_input);
    write_duration(writer, "compute_infer", batch.compute_infer);
    write_duration(writer, "compute_output", batch.compute_output);
    writer.end_object();
  }
  writer.end_array();
  writer.key("memory_usage").begin_array().end_array();
  writer.end_object();
}

}  // namespace

std::string server_metadata_json(std::string_view name, std::string_view version,
                                 std::span<const std::string_view> extensions) {
  JsonWriter writer;
  writer.begin_object();
  writer.key("name").string(name);
  writer.key("version").string(version);
  writer.key("extensions").begin_array();
  for (const std::string_view extension : extensions) writer.string(extension);
  writer.end_array().end_object();
  return std::move(writer).text();
}

std::string model_metadata_json(const ModelMetadata& metadata) {
  JsonWriter writer;
  writer.begin_object();
  writer.key("name").string(metadata.name);
  writer.key("versions").begin_array();
  for (const int64_t version : metadata.versions) writer.string(std::to_string(version));
  writer.end_array();
  writer.key("platform").string(metadata.platform);
  write_tensors(writer, "inputs", metadata.inputs);
  write_tensors(writer, "outputs", metadata.outputs);
  writer.end_object();
  return std::move(writer).text();
}

std::string statistics_json(std::span<const ModelStatistics> models) {
  JsonWriter writer;
  writer.begin_object().key("model_stats").begin_array();
  for (const ModelStatistics& model : models) write_statistics(writer, model);
  writer.end_array().end_object();
  return std::move(writer).text();
}

std::string index_json(std::span<const IndexEntry> entries) {
  JsonWriter writer;
  writer.begin_array();
  for (const IndexEntry& entry : entries) {
    writer.begin_object();
    writer.key("name").string(entry.name);
    if (entry.version) writer.key("version").string(std::to_string(*entry.version));
    if (!entry.state.empty()) writer.key("state").string(entry.state);
    if (!entry.reason.empty()) writer.key("reason").string(entry.reason);
    writer.end_object();
  }
  writer.end_array();
  return std::move(writer).text();
}

Result<bool> decode_index_request(std::string_view body) {
  if (body.empty()) return false;
  auto parsed = parse_json(body);
  if (!parsed) return parsed.error().with_context("failed to parse the request JSON buffer");
  const JsonValue* ready = parsed->find("ready");
  if (ready == nullptr) return false;
  const auto flag = ready->as_bool();
  if (!flag) return invalid_argument("Invalid value for 'ready': expected a boolean");
  return *flag;
}

}  // namespace neso::triton
