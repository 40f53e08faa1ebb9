// SPDX-License-Identifier: Apache-2.0
#include "load/triton_wire.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/check.h"
#include "base/error.h"
#include "base/json.h"
#include "base/json_writer.h"

namespace neso::load {
namespace {

Result<InputSpec> read_input(const JsonValue& json) {
  const JsonValue* name = json.find("name");
  const JsonValue* datatype = json.find("datatype");
  const JsonValue* shape = json.find("shape");
  if (name == nullptr || !name->is_string() || datatype == nullptr || !datatype->is_string() ||
      shape == nullptr)
    return invalid_argument("an input of the metadata lacks a name, datatype or shape");
  InputSpec input;
  input.name = *name->as_string();
  const auto dtype = dtype_from_kserve(*datatype->as_string());
  if (!dtype)
    return unsupported("the input '{}' has the unknown datatype '{}'", input.name,
                       *datatype->as_string());
  input.dtype = *dtype;
  for (const JsonValue& size : shape->array()) {
    const auto value = size.as_int();
    if (!value || *value < -1)
      return invalid_argument("the shape of the input '{}' has something else than sizes",
                              input.name);
    input.shape.push_back(*value);
  }
  return input;
}

template <typename T>
void write_integers(JsonWriter& writer, const Tensor& tensor) {
  for (const T value : tensor.as<T>()) writer.integer(static_cast<int64_t>(value));
}

void write_data(JsonWriter& writer, const Tensor& tensor) {
  switch (tensor.dtype()) {
    case DType::Bytes: {
      const auto elements = bytes_elements(tensor.bytes());
      NESO_CHECK(elements.has_value());  // the tensor is our own
      for (const std::string_view element : *elements) writer.string(element);
      break;
    }
    case DType::Bool:
      for (const uint8_t value : tensor.as<uint8_t>()) writer.boolean(value != 0);
      break;
    case DType::Fp32:
      for (const float value : tensor.as<float>()) writer.number(value);
      break;
    case DType::Fp64:
      for (const double value : tensor.as<double>()) writer.number(value);
      break;
    default:
      switch (element_size(tensor.dtype())) {
        case 1:
          return write_integers<int8_t>(writer, tensor);
        case 2:
          return write_integers<int16_t>(writer, tensor);
        case 4:
          return write_integers<int32_t>(writer, tensor);
        default:
          return write_integers<int64_t>(writer, tensor);
      }
  }
}

void write_head(JsonWriter& writer, const NamedTensor& input) {
  writer.begin_object();
  writer.key("name").string(input.name);
  writer.key("datatype").string(kserve_name(input.tensor.dtype()));
  writer.key("shape").begin_array();
  for (const int64_t size : input.tensor.shape()) writer.integer(size);
  writer.end_array();
}

// What neso calls its input of texts, which its metadata does not list.
constexpr std::string_view kTextInput = "text";

}  // namespace

Result<std::vector<InputSpec>> read_model_metadata(std::string_view body) {
  auto json = parse_json(body);
  if (!json) return json.error().with_context("the model's metadata is no JSON");
  const JsonValue* inputs = json->find("inputs");
  if (inputs == nullptr || inputs->array().empty())
    return invalid_argument("the model's metadata has no inputs");
  std::vector<InputSpec> specs;
  for (const JsonValue& input : inputs->array()) {
    NESO_TRY(specs.emplace_back(), read_input(input));
  }
  return specs;
}

Result<bool> read_batches(std::string_view config_body, std::span<const InputSpec> inputs) {
  if (config_body.empty()) {
    return std::ranges::all_of(inputs, [](const InputSpec& input) {
      return !input.shape.empty() && input.shape.front() == -1;
    });
  }
  auto json = parse_json(config_body);
  if (!json) return json.error().with_context("the model's config is no JSON");
  const JsonValue* size = json->find("max_batch_size");
  return size != nullptr && size->as_int().value_or(0) > 0;
}

Result<InferBody> json_infer_body(std::span<const NamedTensor> inputs) {
  JsonWriter writer;
  writer.begin_object().key("inputs").begin_array();
  for (const NamedTensor& input : inputs) {
    const DType dtype = input.tensor.dtype();
    if (dtype == DType::Fp16 || dtype == DType::Bf16) {
      return unsupported("the input '{}' is {}, which JSON cannot carry; send bytes with --binary",
                         input.name, kserve_name(dtype));
    }
    write_head(writer, input);
    writer.key("data").begin_array();
    write_data(writer, input.tensor);
    writer.end_array().end_object();
  }
  writer.end_array().end_object();
  return InferBody{std::move(writer).text()};
}

InferBody binary_infer_body(std::span<const NamedTensor> inputs) {
  JsonWriter writer;
  writer.begin_object().key("inputs").begin_array();
  std::string tail;
  for (const NamedTensor& input : inputs) {
    const auto bytes = input.tensor.bytes();
    write_head(writer, input);
    writer.key("parameters").begin_object();
    writer.key("binary_data_size").unsigned_integer(bytes.size()).end_object().end_object();
    tail.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  writer.end_array();
  writer.key("parameters").begin_object().key("binary_data_output").boolean(true).end_object();
  writer.end_object();
  InferBody body{std::move(writer).text()};
  body.json_bytes = body.bytes.size();
  body.bytes += tail;
  return body;
}

// Names and types stand in front of the shape, values behind it: the first "shape" is the one.
int64_t rows_of_answer(std::string_view body) {
  constexpr std::string_view kKey = "\"shape\"";
  const size_t at = body.find(kKey);
  if (at == body.npos) return -1;
  std::string_view rest = body.substr(at + kKey.size());
  rest.remove_prefix(std::min(rest.find_first_not_of(" \t\r\n:["), rest.size()));
  int64_t rows = -1;
  std::from_chars(rest.data(), rest.data() + rest.size(), rows);
  return rows;
}

Result<TensorSource> tensors_of(std::vector<InputSpec> inputs, bool batches,
                                const PayloadOptions& options) {
  std::string text_input = options.text_input;
  if (!options.texts.empty() && text_input.empty() &&
      std::ranges::find(inputs, DType::Bytes, &InputSpec::dtype) == inputs.end())
    text_input = kTextInput;
  if (!text_input.empty()) {
    Shape shape = batches ? Shape{-1, 1} : Shape{1};
    inputs = {{std::move(text_input), DType::Bytes, std::move(shape)}};
  }
  return TensorSource::make(std::move(inputs), batches, options);
}

}  // namespace neso::load
