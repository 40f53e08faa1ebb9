// SPDX-License-Identifier: Apache-2.0
#include "api/triton/infer_request.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

#include "api/triton/infer_body.h"
#include "api/triton/infer_parameters.h"
#include "api/triton/tensor_json.h"
#include "base/error.h"
#include "base/json_writer.h"
#include "tensor/in_place.h"

namespace neso::triton {
namespace {

// The one source of an input's data, or Triton's sentence about none or several.
Result<> check_data_source(const BodyInput& input) {
  std::string sources;
  int count = 0;
  const auto add = [&](bool present, std::string_view name) {
    if (!present) return;
    sources += fmt::format(" '{}'", name);
    ++count;
  };
  add(input.has_data, "data");
  add(input.binary_data_size.has_value(), "binary_data_size");
  add(input.region.name.has_value(), "shared_memory_region");
  if (count == 1) return {};
  return invalid_argument(
      "Input must set only one of the following fields: 'data', 'binary_data_size' in "
      "'parameters', "
      "'shared_memory_region' in 'parameters'. But {}",
      count == 0 ? "no field is set" : "set" + sources);
}

Result<NamedTensor> json_tensor(BodyInput& input, DType dtype) {
  const std::string& name = *input.name;
  if (dtype == DType::Fp16 || dtype == DType::Bf16) {
    return invalid_argument(
        "receiving {} data via JSON is not supported. Please use the binary data format for input "
        "{}",
        kserve_name(dtype), name);
  }
  if (input.data_error) return input.data_error->with_context(fmt::format("input '{}'", name));
  const auto expected = element_count(*input.shape);
  if (!expected) {
    return invalid_argument(
        "invalid shape for input '{}': shape {} causes total element count to exceed maximum size "
        "of "
        "9223372036854775807",
        name, shape_text(*input.shape));
  }
  if (dtype != DType::Bytes && std::cmp_not_equal(*expected, input.data_count)) {
    return invalid_argument("input '{}' has {} values in 'data', but its shape {} takes {}", name,
                            input.data_count, shape_text(*input.shape), *expected);
  }
  return NamedTensor{name, Tensor(dtype, std::move(*input.shape), std::move(input.data))};
}

// The largest element's: of a raw input the type is the model's to tell.
constexpr size_t kAnyAlignment = 8;

// Whether that is worth it, and elements of any type are aligned there.
bool can_stay(std::string_view content) {
  return content.size() >= kLeftInPlace &&
         reinterpret_cast<uintptr_t>(content.data()) % kAnyAlignment == 0;
}

// Whether a body may be kept for those of its tensors that can stay: requests are counted by their
// tensors, so what is kept beside them must be little.
bool is_mostly(size_t staying_bytes, const BodyParts& parts) {
  return staying_bytes >= parts.owned_bytes / 4 * 3;
}

size_t staying_bytes(const std::vector<BodyInput>& inputs, std::string_view tail) {
  size_t staying = 0;
  for (const BodyInput& input : inputs) {
    const std::string_view content = tail.substr(0, input.binary_data_size.value_or(0));
    if (can_stay(content)) staying += content.size();
    tail.remove_prefix(content.size());
  }
  return staying;
}

// In the body that `owner` keeps, or a copy.
Tensor tensor_of(std::string_view content, DType dtype, Shape shape,
                 const std::shared_ptr<const void>& owner) {
  if (owner && can_stay(content))
    return {dtype, std::move(shape), std::as_bytes(std::span(content)), owner};
  std::vector<std::byte> bytes(content.size());
  if (!content.empty()) std::memcpy(bytes.data(), content.data(), content.size());
  return {dtype, std::move(shape), std::move(bytes)};
}

Result<NamedTensor> binary_tensor(BodyInput& input, DType dtype, BodyParts& parts,
                                  std::string_view model) {
  std::string_view& tail = parts.tail;
  const uint64_t size = *input.binary_data_size;
  if (size > tail.size()) {
    return invalid_argument(
        "unexpected size for input '{}', expecting {} additional bytes for model '{}'", *input.name,
        size - tail.size(), model);
  }
  NamedTensor tensor{*input.name,
                     tensor_of(tail.substr(0, size), dtype, std::move(*input.shape), parts.owner)};
  tail.remove_prefix(size);
  return tensor;
}

Result<SharedSlice> slice_of(const BodyRegion& region, const SharedMemoryRegistry& memory) {
  return memory.slice(*region.name, region.offset.value_or(0), region.byte_size.value_or(0));
}

Result<NamedTensor> decode_input(BodyInput& input, BodyParts& parts, std::string_view model) {
  const auto missing = [&](std::string_view member) {
    return invalid_argument("input '{}' has no '{}'", input.name.value_or("?"), member);
  };
  if (!input.name) return invalid_argument("an element of 'inputs' has no 'name'");
  if (!input.shape) return missing("shape");
  if (!input.datatype) return missing("datatype");
  NESO_TRY_VOID(check_data_source(input));
  const auto dtype = dtype_from_kserve(*input.datatype);
  if (!dtype) {
    if (input.has_data) return invalid_argument("invalid datatype for input {}", *input.name);
    return invalid_argument("input '{}' has datatype '{}', which is none of KServe's", *input.name,
                            input.datatype->substr(0, 64));
  }
  if (input.has_data) return json_tensor(input, *dtype);
  if (input.region.name)  // its bytes come later
    return NamedTensor{*input.name, Tensor(*dtype, std::move(*input.shape), {}, nullptr)};
  return binary_tensor(input, *dtype, parts, model);
}

Result<> decode_inputs(std::vector<BodyInput>& inputs, BodyParts parts,
                       const SharedMemoryRegistry& memory, InferRequest& request) {
  if (!is_mostly(staying_bytes(inputs, parts.tail), parts)) parts.owner = nullptr;
  for (BodyInput& input : inputs) {
    NESO_TRY(NamedTensor tensor, decode_input(input, parts, request.model));
    if (input.region.name) {
      NESO_TRY(SharedSlice slice, slice_of(input.region, memory));
      request.shared_inputs.push_back({request.inputs.size(), std::move(slice)});
    }
    request.inputs.push_back(std::move(tensor));
  }
  if (!parts.tail.empty())
    return invalid_argument("unexpected additional input data for model '{}'", request.model);
  return {};
}

// What one output's parameters cannot ask for together; the words are Triton's.
Result<> check_output_place(const BodyOutput& output) {
  if (!output.region.name) return {};
  const auto refuse = [](std::string_view other) {
    return invalid_argument("Output can't set both 'shared_memory_region' and '{}'", other);
  };
  if (output.classification) return refuse("classification");
  if (output.binary_data.value_or(false)) return refuse("binary_data");
  return {};
}

Result<> decode_outputs(std::vector<BodyOutput>& outputs, const SharedMemoryRegistry& memory,
                        DecodedInfer& decoded) {
  for (BodyOutput& output : outputs) {
    NESO_TRY_VOID(check_output_place(output));
    if (!output.name) return invalid_argument("an element of 'outputs' has no 'name'");
    const bool named_before =
        std::ranges::find(decoded.formats.named, *output.name, &OutputFormats::Named::name) !=
        decoded.formats.named.end();
    const bool shared = output.region.name.has_value();
    if (shared) {
      NESO_TRY(SharedSlice slice, slice_of(output.region, memory));
      if (!named_before) decoded.request.shared_outputs.push_back({*output.name, std::move(slice)});
    }
    if (named_before) continue;  // the first of two counts, as in Triton
    if (output.classification.value_or(0) > 0)
      decoded.request.classifications.push_back({*output.name, *output.classification});
    decoded.request.outputs.push_back(*output.name);
    decoded.formats.named.push_back({std::move(*output.name), output.binary_data, shared});
  }
  return {};
}

// Behind the JSON that is the body so far.
void add_binary(net::HttpResponse& answer, std::span<const Tensor* const> tensors) {
  size_t bytes = 0;
  size_t copied = answer.body.size();
  for (const Tensor* tensor : tensors) {
    bytes += tensor->bytes().size();
    copied += tensor->bytes().size() < kLeftInPlace ? tensor->bytes().size() : 0;
  }
  if (bytes == 0) return;
  answer.content_type = "application/octet-stream";
  answer.headers.emplace_back(kInferenceHeaderLength, std::to_string(answer.body.size()));
  answer.body.reserve(copied);
  for (const Tensor* tensor : tensors) {
    const std::string_view content(reinterpret_cast<const char*>(tensor->bytes().data()),
                                   tensor->bytes().size());
    if (answer.tail.empty() && content.size() < kLeftInPlace) {
      answer.body += content;
    } else {
      answer.tail.push_back({content, tensor->owner()});
    }
  }
}

}  // namespace

bool OutputFormats::shared(const std::string& output) const {
  const auto entry = std::ranges::find(named, output, &Named::name);
  return entry != named.end() && entry->shared;
}

bool OutputFormats::binary(const std::string& output) const {
  const auto entry = std::ranges::find(named, output, &Named::name);
  return entry == named.end() ? binary_default : entry->binary.value_or(binary_default);
}

Result<BodyParts> split_body(const net::HttpRequest& request) {
  const std::string_view body = request.body;
  const auto header = request.header(kInferenceHeaderLength);
  if (!header) return BodyParts{.json = body, .tail = {}, .raw = body.empty()};
  if (const size_t count = request.header_count(kInferenceHeaderLength); count > 1) {
    return invalid_argument("the header {} was sent {} times", kInferenceHeaderLength, count);
  }
  int64_t length = 0;
  const auto [end, status] =
      std::from_chars(header->data(), header->data() + header->size(), length);
  if (status == std::errc::invalid_argument ||
      (status == std::errc() && end != header->data() + header->size())) {
    return invalid_argument("Unable to parse {}, got: {}", kInferenceHeaderLength,
                            header->substr(0, 64));
  }
  if (status != std::errc() || length < 0 || static_cast<size_t>(length) > body.size()) {
    return invalid_argument("inference header size should be in range (0, {}), got: {}",
                            body.size(), header->substr(0, 64));
  }
  const auto size = static_cast<size_t>(length);
  BodyParts parts{.json = body.substr(0, size), .tail = body.substr(size), .raw = size == 0};
  if (parts.tail.size() >= kLeftInPlace) {
    parts.owner = request.body.owner();
    parts.owned_bytes = request.body.memory_bytes();
  }
  return parts;
}

Result<DecodedInfer> decode_infer(std::string_view model, const BodyParts& parts, size_t max_bytes,
                                  const SharedMemoryRegistry& memory) {
  DecodedInfer decoded;
  decoded.request.model = model;
  if (parts.raw) {
    decoded.request.raw = true;
    const bool stays = is_mostly(parts.tail.size(), parts);
    decoded.request.inputs.push_back(
        {{}, tensor_of(parts.tail, DType::Uint8, {}, stays ? parts.owner : nullptr)});
    decoded.formats.binary_default = true;
    return decoded;
  }
  NESO_TRY(InferBody body, read_infer_body(parts.json, max_bytes));
  if (!body.inputs) return invalid_argument("the request has no array 'inputs'");
  decoded.request.id = std::move(body.id);
  decoded.request.sequence = {.id = std::move(body.sequence_id).value_or(uint64_t{0}),
                              .start = body.sequence_start.value_or(false),
                              .end = body.sequence_end.value_or(false)};
  decoded.request.priority = body.priority;
  decoded.request.timeout_us = body.timeout_us;
  NESO_TRY_VOID(decode_inputs(*body.inputs, parts, memory, decoded.request));
  decoded.formats.binary_default = body.binary_data_output.value_or(false);
  NESO_TRY_VOID(decode_outputs(body.outputs, memory, decoded));
  return decoded;
}

Result<net::HttpResponse> encode_infer(const InferResponse& response, const OutputFormats& formats,
                                       ThreadPool* helpers) {
  JsonWriter writer;
  writer.begin_object();
  if (!response.id.empty()) writer.key("id").string(response.id);
  writer.key("model_name").string(response.model);
  writer.key("model_version").string(std::to_string(response.version));
  if (!response.parameters.empty()) {
    writer.key("parameters").begin_object();
    for (const auto& [name, value] : response.parameters) write_parameter(writer.key(name), value);
    writer.end_object();
  }
  writer.key("outputs").begin_array();
  std::vector<const Tensor*> binary;
  for (const auto& [name, tensor] : response.outputs) {
    writer.begin_object();
    writer.key("name").string(name);
    writer.key("datatype").string(kserve_name(tensor.dtype()));
    writer.key("shape").begin_array();
    for (const int64_t size : tensor.shape()) writer.integer(size);
    writer.end_array();
    if (formats.shared(name)) {
      // Name, type and shape are all there is to say.
    } else if (formats.binary(name)) {
      writer.key("parameters").begin_object();
      writer.key("binary_data_size").unsigned_integer(tensor.bytes().size());
      writer.end_object();
      binary.push_back(&tensor);
    } else {
      writer.key("data");
      NESO_TRY_VOID(write_elements(writer, tensor, helpers));
    }
    writer.end_object();
  }
  writer.end_array();
  writer.end_object();

  net::HttpResponse answer;
  answer.body = std::move(writer).text();
  add_binary(answer, binary);
  return answer;
}

}  // namespace neso::triton
