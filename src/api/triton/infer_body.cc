// SPDX-License-Identifier: Apache-2.0
#include "api/triton/infer_body.h"

#include <algorithm>
#include <utility>

#include "api/triton/body_reader.h"
#include "api/triton/infer_parameters.h"
#include "base/error.h"
#include "base/json.h"

namespace neso::triton {
namespace {

constexpr size_t kMaxInputs = 1024;  // of one request; far above any model's

// Where in the document the parser is; one per open object or array.
enum class Place {
  Request,
  Parameters,
  Inputs,
  Input,
  InputShape,
  InputData,
  InputParameters,
  Outputs,
  Output,
  OutputParameters,
  Ignored,  // and everything inside
};

class InferBodyReader final : public BodyReader {
 public:
  // `datatypes`: of the inputs by position, when an earlier pass has learnt them.
  InferBodyReader(size_t document_bytes, size_t max_bytes,
                  std::vector<std::optional<std::string>> datatypes)
      : document_bytes_(document_bytes),
        max_bytes_(max_bytes),
        known_datatypes_(std::move(datatypes)) {}

  Result<> begin_object() override {
    return noted(open(&InferBodyReader::object_inside, Place::Request));
  }
  Result<> end_object() override;
  Result<> begin_array() override {
    return noted(open(&InferBodyReader::array_inside, Place::Ignored));
  }
  Result<> end_array() override;

  // Some data stood before its datatype and was skipped.
  bool needs_second_pass() const { return skipped_data_; }
  InferBody take() { return std::move(body_); }

 private:
  Result<> open(Result<Place> (InferBodyReader::*inside)(Place), Place root);
  Result<> scalar(const JsonScalar& value) override;
  Result<> request_member(const JsonScalar& value);
  Result<> input_member(const JsonScalar& value);
  Result<> shape_element(const JsonScalar& value);
  Result<> data_element(const JsonScalar& value);
  Result<Place> object_inside(Place place);
  Result<Place> array_inside(Place place);
  Place begin_data();
  void finish_data();

  Place place() const { return places_.back(); }
  BodyInput& input() { return body_.inputs->back(); }
  BodyOutput& output() { return body_.outputs.back(); }
  std::string input_name() const;

  size_t document_bytes_;
  size_t max_bytes_;
  std::vector<std::optional<std::string>> known_datatypes_;
  std::vector<Place> places_;
  InferBody body_;
  bool seen_id_ = false;
  bool seen_outputs_ = false;
  bool seen_parameters_ = false;
  bool skipped_data_ = false;
  bool first_shape_ = false;
  std::optional<ElementSink> sink_;
};

std::string InferBodyReader::input_name() const {
  const auto& inputs = *body_.inputs;
  return inputs.back().name ? *inputs.back().name : fmt::format("number {}", inputs.size() - 1);
}

Result<> InferBodyReader::scalar(const JsonScalar& value) {
  if (places_.empty()) return {};  // a document that is no object: answered as one without inputs
  switch (place()) {
    case Place::Request:
      return request_member(value);
    case Place::Parameters:
      return set_request_parameter(body_, key_, value);
    case Place::Inputs:
    case Place::Outputs:
      return invalid_argument("each element of '{}' must be an object",
                              place() == Place::Inputs ? "inputs" : "outputs");
    case Place::Input:
      return input_member(value);
    case Place::InputShape:
      return shape_element(value);
    case Place::InputData:
      return data_element(value);
    case Place::InputParameters:
      return set_input_parameter(input(), input_name(), key_, value);
    case Place::Output:
      if (key_ == "name" && !output().name) {
        const auto* name = std::get_if<std::string_view>(&value);
        if (name == nullptr) return invalid_argument("an output's 'name' must be a string");
        output().name = *name;
      }
      return {};
    case Place::OutputParameters:
      return set_output_parameter(output(), key_, value);
    case Place::Ignored:
      return {};
  }
  return {};
}

Result<> InferBodyReader::request_member(const JsonScalar& value) {
  if (key_ == "inputs" && !body_.inputs)
    return invalid_argument("'inputs' must be an array of objects");
  if (key_ == "outputs" && !seen_outputs_)
    return invalid_argument("'outputs' must be an array of objects");
  if (key_ == "parameters" && !seen_parameters_)
    return invalid_argument("'parameters' must be an object");
  if (key_ != "id" || std::exchange(seen_id_, true)) return {};
  NESO_TRY(body_.id, request_id(value));
  return {};
}

Result<> InferBodyReader::input_member(const JsonScalar& value) {
  if (key_ == "name" || key_ == "datatype") {
    auto& member = key_ == "name" ? input().name : input().datatype;
    if (member) return {};
    const auto* text = std::get_if<std::string_view>(&value);
    if (text == nullptr) return invalid_argument("an input's '{}' must be a string", key_);
    member = *text;
  } else if (key_ == "shape" && !input().shape) {
    return invalid_argument("'shape' of input '{}' must be an array of whole numbers",
                            input_name());
  } else if (key_ == "data" && !input().has_data) {
    return invalid_argument("'data' of input '{}' must be an array", input_name());
  }
  return {};
}

Result<> InferBodyReader::shape_element(const JsonScalar& value) {
  const auto* size = std::get_if<int64_t>(&value);
  if (size == nullptr || *size < 0) {
    return invalid_argument("'shape' of input '{}' must hold whole numbers, 0 or more",
                            input_name());
  }
  if (!first_shape_) return {};
  constexpr size_t kMaxDimensions = 64;
  if (input().shape->size() == kMaxDimensions) {
    return invalid_argument("'shape' of input '{}' has more than {} dimensions", input_name(),
                            kMaxDimensions);
  }
  input().shape->push_back(*size);
  return {};
}

Result<> InferBodyReader::data_element(const JsonScalar& value) {
  BodyInput& target = input();
  ++target.data_count;
  if (!sink_ || target.data_error) return {};
  if (auto appended = sink_->append(value); !appended)
    target.data_error = std::move(appended).error();
  return {};
}

Result<Place> InferBodyReader::object_inside(Place place) {
  switch (place) {
    case Place::Request:
      if (key_ == "parameters")
        return std::exchange(seen_parameters_, true) ? Place::Ignored : Place::Parameters;
      if (key_ == "inputs" || key_ == "outputs")
        return invalid_argument("'{}' must be an array of objects", key_);
      if (key_ == "id") return invalid_argument("'id' must be a string");
      return Place::Ignored;
    case Place::Parameters:
      return parameter_of_wrong_type(key_);
    case Place::Inputs:
      if (body_.inputs->size() == kMaxInputs)
        return invalid_argument("a request has at most {} inputs", kMaxInputs);
      body_.inputs->emplace_back();
      return Place::Input;
    case Place::Input:
      if (key_ == "parameters") return Place::InputParameters;
      if (key_ == "shape" || key_ == "data") {
        return invalid_argument("'{}' of input '{}' must be an array", key_, input_name());
      }
      return Place::Ignored;
    case Place::InputShape:
      return invalid_argument("'shape' of input '{}' must hold whole numbers, 0 or more",
                              input_name());
    case Place::InputData:
      return invalid_argument("'data' of input '{}' holds an object", input_name());
    case Place::Outputs:
      if (body_.outputs.size() == kMaxInputs)
        return invalid_argument("a request has at most {} outputs", kMaxInputs);
      body_.outputs.emplace_back();
      return Place::Output;
    case Place::Output:
      return key_ == "parameters" ? Place::OutputParameters : Place::Ignored;
    case Place::InputParameters:
    case Place::OutputParameters:
      NESO_TRY_VOID(check_container_parameter(key_));
      return Place::Ignored;
    case Place::Ignored:
      return Place::Ignored;
  }
  return Place::Ignored;
}

Result<Place> InferBodyReader::array_inside(Place place) {
  switch (place) {
    case Place::Request:
      if (key_ == "inputs") {
        if (body_.inputs) return Place::Ignored;  // the first of two counts, as in Triton
        body_.inputs.emplace();
        return Place::Inputs;
      }
      if (key_ == "outputs")
        return std::exchange(seen_outputs_, true) ? Place::Ignored : Place::Outputs;
      if (key_ == "parameters") return invalid_argument("'parameters' must be an object");
      if (key_ == "id") return invalid_argument("'id' must be a string");
      return Place::Ignored;
    case Place::Parameters:
      return parameter_of_wrong_type(key_);
    case Place::Inputs:
    case Place::Outputs:
      return invalid_argument("each element of '{}' must be an object",
                              place == Place::Inputs ? "inputs" : "outputs");
    case Place::Input:
      if (key_ == "shape") {
        first_shape_ = !input().shape;
        if (first_shape_) input().shape.emplace();
        return Place::InputShape;
      }
      if (key_ == "data") return begin_data();
      if (key_ == "name" || key_ == "datatype")
        return invalid_argument("an input's '{}' must be a string", key_);
      return Place::Ignored;
    case Place::InputShape:
      return invalid_argument("'shape' of input '{}' must hold whole numbers, 0 or more",
                              input_name());
    case Place::InputData:
      return Place::InputData;
    case Place::InputParameters:
    case Place::OutputParameters:
      NESO_TRY_VOID(check_container_parameter(key_));
      return Place::Ignored;
    case Place::Output:
    case Place::Ignored:
      return Place::Ignored;
  }
  return Place::Ignored;
}

Place InferBodyReader::begin_data() {
  BodyInput& target = input();
  if (target.has_data) return Place::Ignored;
  target.has_data = true;
  const size_t position = body_.inputs->size() - 1;
  auto datatype = target.datatype;
  if (!datatype && position < known_datatypes_.size()) datatype = known_datatypes_[position];
  if (!datatype) {
    skipped_data_ = true;
    return Place::Ignored;
  }
  const auto dtype = dtype_from_kserve(*datatype);
  if (!dtype || *dtype == DType::Fp16 || *dtype == DType::Bf16)
    return Place::InputData;  // counted; refused later
  sink_.emplace(*dtype, max_bytes_);
  // Only as much as the document can hold: a number takes two bytes at least.
  const auto declared = target.shape ? element_count(*target.shape) : std::optional<int64_t>(0);
  sink_->reserve(std::min<size_t>(static_cast<size_t>(declared.value_or(0)), document_bytes_ / 2));
  return Place::InputData;
}

void InferBodyReader::finish_data() {
  if (!sink_) return;
  input().data = sink_->take();
  max_bytes_ -= std::min(max_bytes_, input().data.size());
  sink_.reset();
}

Result<> InferBodyReader::open(Result<Place> (InferBodyReader::*inside)(Place), Place root) {
  if (places_.empty()) {
    places_.push_back(root);
    return {};
  }
  NESO_TRY(const Place opened, (this->*inside)(place()));
  places_.push_back(opened);
  return {};
}

Result<> InferBodyReader::end_object() {
  places_.pop_back();
  return {};
}

Result<> InferBodyReader::end_array() {
  const Place closed = place();
  places_.pop_back();
  if (closed == Place::InputData && place() == Place::Input) finish_data();
  return {};
}

Result<> read_pass(std::string_view json, InferBodyReader& reader) {
  auto read = stream_json(json, reader, {.max_depth = 100, .allow_nan_and_inf = true});
  if (!read && !reader.refused())
    return read.error().with_context("failed to parse the request JSON buffer");
  return read;
}

}  // namespace

Result<InferBody> read_infer_body(std::string_view json, size_t max_bytes) {
  InferBodyReader first(json.size(), max_bytes, {});
  NESO_TRY_VOID(read_pass(json, first));
  InferBody body = first.take();
  if (first.needs_second_pass()) {
    std::vector<std::optional<std::string>> datatypes;
    for (const BodyInput& input : *body.inputs) datatypes.push_back(input.datatype);
    // Inputs without any datatype are refused later for that; "" keeps the second pass from
    // skipping their data.
    for (auto& datatype : datatypes) datatype = datatype.value_or("");
    InferBodyReader second(json.size(), max_bytes, std::move(datatypes));
    NESO_TRY_VOID(read_pass(json, second));
    body = second.take();
  }
  return body;
}

}  // namespace neso::triton
