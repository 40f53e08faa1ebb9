// SPDX-License-Identifier: Apache-2.0
#include "api/triton/generate.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "api/triton/body_reader.h"
#include "api/triton/infer_parameters.h"
#include "api/triton/tensor_json.h"
#include "base/error.h"
#include "base/json.h"
#include "request/request_checks.h"

namespace neso::triton {
namespace {

constexpr std::string_view kNested = "parameters";  // the one keyword whose object is opened

// Fixed dimensions take their part of the elements, the innermost free one the rest.
Result<Shape> shape_for(const TensorMetadata& input, size_t elements) {
  const Error no_shape = invalid_argument(
      "The schema can not convert input '{}' to tensor with proper shape", input.name);
  auto rest = static_cast<int64_t>(elements);
  Shape shape = input.shape;
  for (const int64_t size : shape) {
    if (size == -1) continue;
    if (size == 0 || rest % size != 0) return no_shape;
    rest /= size;
  }
  for (auto size = shape.rbegin(); size != shape.rend(); ++size) {
    if (*size == -1) *size = std::exchange(rest, 1);
  }
  if (rest != 1) return no_shape;
  return shape;
}

// As Triton tells where a member of `parameters` stands.
Error nested_error(const Error& error) {
  return error.with_context(fmt::format("Converting keyword: '{}'", kNested));
}

class GenerateReader final : public BodyReader {
 public:
  GenerateReader(std::span<const TensorMetadata> inputs, size_t max_bytes)
      : inputs_(inputs), max_bytes_(max_bytes) {}

  Result<> begin_object() override { return noted(open_object()); }
  Result<> end_object() override {
    places_.pop_back();
    return {};
  }
  Result<> begin_array() override { return noted(open_array()); }
  Result<> end_array() override {
    places_.pop_back();
    return places_.back() == Place::Elements ? Result<>() : noted(in_place(end_input()));
  }

  Result<InferRequest> take();

 private:
  // One per open object or array.
  enum class Place { Request, Nested, Elements };

  bool nested() const { return std::ranges::find(places_, Place::Nested) != places_.end(); }
  Result<> in_place(Result<> result) const {
    return result || !nested() ? result : Result<>(nested_error(result.error()));
  }
  Error no_object() const {
    return invalid_argument("the body of a generate request must be a JSON object");
  }
  bool at_keyword() const { return places_.back() == Place::Request && key_ == kNested; }
  Error keyword_without_object() const {
    return invalid_argument("Expected JSON object for keyword: '{}'", kNested);
  }
  const TensorMetadata* input_named(std::string_view name) const {
    const auto found = std::ranges::find(inputs_, name, &TensorMetadata::name);
    return found == inputs_.end() ? nullptr : &*found;
  }

  Result<> scalar(const JsonScalar& value) override;
  Result<> member(const JsonScalar& value);
  Result<> open_object();
  Result<> open_array();
  void begin_input(const TensorMetadata& input);
  void add_element(const JsonScalar& value);
  Result<> end_input();

  std::span<const TensorMetadata> inputs_;
  size_t max_bytes_;
  std::vector<Place> places_;
  bool seen_id_ = false;
  InferRequest request_;
  struct Repeated {
    std::string name;
    bool nested = false;
  };
  std::optional<Repeated> repeated_;  // the first input that comes again

  // Of the input that is being read.
  const TensorMetadata* input_ = nullptr;
  std::optional<ElementSink> sink_;
  std::optional<Error> element_error_;
  size_t elements_ = 0;  // of the outermost array, or 1
};

Result<> GenerateReader::scalar(const JsonScalar& value) {
  if (places_.empty()) return no_object();
  if (places_.back() != Place::Elements) return in_place(member(value));
  if (places_[places_.size() - 2] != Place::Elements) ++elements_;
  add_element(value);
  return {};
}

Result<> GenerateReader::member(const JsonScalar& value) {
  if (at_keyword()) return keyword_without_object();
  if (places_.back() == Place::Request && key_ == "id" && !std::exchange(seen_id_, true)) {
    NESO_TRY(request_.id, request_id(value));
  }
  const TensorMetadata* input = input_named(key_);
  if (input == nullptr) {
    if (std::holds_alternative<std::nullptr_t>(value)) return parameter_of_wrong_type(key_);
    return {};
  }
  begin_input(*input);
  elements_ = 1;
  add_element(value);
  return end_input();
}

Result<> GenerateReader::open_object() {
  if (places_.empty()) {
    places_.push_back(Place::Request);
    return {};
  }
  if (places_.back() == Place::Elements)
    return in_place(invalid_argument("input '{}' holds an object", input_->name));
  if (at_keyword()) {
    if (input_named(kNested) != nullptr) {
      return invalid_argument("Keyword '{}' for nested schema also given as input tensor name",
                              kNested);
    }
    places_.push_back(Place::Nested);
    return {};
  }
  if (input_named(key_) != nullptr)
    return in_place(invalid_argument("input '{}' holds an object", key_));
  return in_place(parameter_of_wrong_type(key_));
}

Result<> GenerateReader::open_array() {
  if (places_.empty()) return no_object();
  if (places_.back() == Place::Elements) {
    if (places_[places_.size() - 2] != Place::Elements) ++elements_;
  } else {
    if (at_keyword()) return keyword_without_object();
    const TensorMetadata* input = input_named(key_);
    if (input == nullptr) return in_place(parameter_of_wrong_type(key_));
    begin_input(*input);
  }
  places_.push_back(Place::Elements);
  return {};
}

void GenerateReader::begin_input(const TensorMetadata& input) {
  input_ = &input;
  elements_ = 0;
  element_error_.reset();
  sink_.reset();
  if (input.dtype != DType::Fp16 && input.dtype != DType::Bf16)
    sink_.emplace(input.dtype, max_bytes_);
}

void GenerateReader::add_element(const JsonScalar& value) {
  if (!sink_ || element_error_) return;
  if (auto appended = sink_->append(value); !appended) element_error_ = std::move(appended).error();
}

Result<> GenerateReader::end_input() {
  const std::string& name = input_->name;
  NESO_TRY(Shape shape, shape_for(*input_, elements_));
  if (!sink_) {
    return invalid_argument(
        "receiving {} data via JSON is not supported. Please use the binary data format for input "
        "{}",
        kserve_name(input_->dtype), name);
  }
  if (element_error_) return element_error_->with_context(fmt::format("input '{}'", name));
  if (sink_->count() != elements_) {
    return invalid_argument("input '{}' has {} values in {} elements; write them as a flat array",
                            name, sink_->count(), elements_);
  }
  std::vector<std::byte> bytes = sink_->take();
  max_bytes_ -= std::min(max_bytes_, bytes.size());
  const bool again =
      std::ranges::find(request_.inputs, name, &NamedTensor::name) != request_.inputs.end();
  if (again && !repeated_) repeated_ = {name, nested()};
  request_.inputs.push_back({name, Tensor(input_->dtype, std::move(shape), std::move(bytes))});
  return {};
}

// What is told only now has the request's id in its words, which may be the last member.
Result<InferRequest> GenerateReader::take() {
  if (!repeated_) return std::move(request_);
  const Error error = invalid_argument("{}input '{}' already exists in request",
                                       request_prefix(request_.id), repeated_->name);
  return repeated_->nested ? nested_error(error) : error;
}

// FP32 as the doubles that they are equal to, as Triton does: nothing else in the answer tells a
// reader that 0.1 means the float.
Result<> write_array(JsonWriter& writer, const Tensor& tensor) {
  if (tensor.dtype() != DType::Fp32) return write_elements(writer, tensor);
  writer.begin_array();
  for (const float element : tensor.as<float>()) writer.number(static_cast<double>(element));
  writer.end_array();
  return {};
}

// An array of one element as that element.
Result<> write_output(JsonWriter& writer, const Tensor& tensor) {
  if (element_count(tensor.shape()) != 1) return write_array(writer, tensor);
  JsonWriter array;
  NESO_TRY_VOID(write_array(array, tensor));
  const std::string_view text = array.text();
  writer.raw(text.substr(1, text.size() - 2));
  return {};
}

}  // namespace

Result<InferRequest> decode_generate(std::string_view model, std::string_view body,
                                     std::span<const TensorMetadata> inputs, size_t max_bytes) {
  GenerateReader reader(inputs, max_bytes);
  const auto read = stream_json(body, reader, {.max_depth = 100, .allow_nan_and_inf = true});
  if (!read && !reader.refused())
    return read.error().with_context("failed to parse the request JSON buffer");
  if (!read) return read.error();
  NESO_TRY(InferRequest request, reader.take());
  request.model = model;
  return request;
}

Result<std::string> encode_generate(const InferResponse& response) {
  // Of two of one name the first that is put in stays, as in Triton.
  std::map<std::string_view, std::variant<ResponseParameter, const Tensor*>> members;
  if (!response.id.empty()) members.emplace("id", ResponseParameter(response.id));
  members.emplace("model_name", ResponseParameter(response.model));
  members.emplace("model_version", ResponseParameter(std::to_string(response.version)));
  for (const auto& [name, value] : response.parameters) members.emplace(name, value);
  for (const auto& [name, tensor] : response.outputs) members.emplace(name, &tensor);
  JsonWriter writer;
  writer.begin_object();
  for (const auto& [name, value] : members) {
    writer.key(name);
    if (const auto* parameter = std::get_if<ResponseParameter>(&value)) {
      write_parameter(writer, *parameter);
    } else {
      NESO_TRY_VOID(write_output(writer, *std::get<const Tensor*>(value)));
    }
  }
  writer.end_object();
  return std::move(writer).text();
}

}  // namespace neso::triton
