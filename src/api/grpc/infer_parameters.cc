// SPDX-License-Identifier: Apache-2.0
#include "api/grpc/infer_parameters.h"

#include <algorithm>
#include <string_view>

#include "base/cut_text.h"
#include "base/error.h"

namespace neso::grpc_api {
namespace {

using inference::InferParameter;

constexpr std::string_view kEmptyFinalResponse = "triton_enable_empty_final_response";

Error wrong_type(std::string_view parameter, std::string_view expected) {
  return invalid_argument("invalid value type for '{}' parameter, expected {}.",
                          cut_text(parameter, 256), expected);
}

Result<> check_priority(const InferParameter& value) {
  if (value.has_uint64_param()) return {};
  if (!value.has_int64_param()) return wrong_type("priority", "int64_param or uint64_param");
  if (value.int64_param() < 0)
    return invalid_argument("invalid value for 'priority', expected value >= 0.");
  return {};
}

Result<> check_request_parameter(const std::string& name, const InferParameter& value) {
  if (name == "sequence_id") {
    if (value.has_int64_param() || value.has_string_param()) return {};
    return wrong_type(name, "int64_param or string_param");
  }
  if (name == "sequence_start" || name == "sequence_end" || name == kEmptyFinalResponse) {
    if (value.has_bool_param()) return {};
    return wrong_type(name, "bool_param");
  }
  if (name == "priority") return check_priority(value);
  if (name == "timeout") {
    if (value.has_int64_param()) return {};
    return wrong_type(name, "int64_param");
  }
  if (name.starts_with("triton_")) {
    return invalid_argument(
        "parameter keys starting with 'triton_' are reserved for Triton usage. Only the following "
        "keys starting with 'triton_' are allowed: {}",
        kEmptyFinalResponse);
  }
  if (value.has_int64_param() || value.has_bool_param() || value.has_string_param() ||
      value.has_double_param()) {
    return {};
  }
  return wrong_type(name, "int64_param, bool_param, or string_param");
}

const InferParameter* find(const ParameterMap& parameters, const char* name) {
  const auto found = parameters.find(name);
  return found == parameters.end() ? nullptr : &found->second;
}

// A parameter that only means something beside shared_memory_region; nullopt when it is not there.
Result<std::optional<int64_t>> region_number(const std::string& tensor,
                                             const ParameterMap& parameters, const char* name,
                                             bool has_region) {
  const InferParameter* value = find(parameters, name);
  if (value == nullptr) return std::optional<int64_t>();
  if (!has_region) {
    return invalid_argument(
        "'{}' can not be specified without 'shared_memory_region' parameter for tensor '{}'", name,
        tensor);
  }
  if (!value->has_int64_param()) {
    return invalid_argument(
        "invalid value type for '{}' parameter for tensor '{}', expected int64_param.", name,
        tensor);
  }
  return std::optional<int64_t>(value->int64_param());
}

}  // namespace

Result<> check_request_parameters(const ParameterMap& parameters) {
  for (const auto& [name, value] : parameters) NESO_TRY_VOID(check_request_parameter(name, value));
  return {};
}

SequenceStep sequence_step(const ParameterMap& parameters) {
  SequenceStep step;
  if (const InferParameter* id = find(parameters, "sequence_id")) {
    if (id->has_string_param()) {
      step.id = id->string_param();
    } else {
      step.id = static_cast<uint64_t>(id->int64_param());  // of a negative number, too, in Triton
    }
  }
  const auto flag = [&parameters](const char* name) {
    const InferParameter* value = find(parameters, name);
    return value != nullptr && value->bool_param();
  };
  step.start = flag("sequence_start");
  step.end = flag("sequence_end");
  return step;
}

uint64_t request_number(const ParameterMap& parameters, const char* name) {
  const InferParameter* value = find(parameters, name);
  if (value == nullptr) return 0;
  if (value->has_uint64_param()) return value->uint64_param();
  return static_cast<uint64_t>(std::max<int64_t>(0, value->int64_param()));
}

Result<std::optional<SharedMemoryPlace>> shared_memory_place(const std::string& tensor,
                                                             const ParameterMap& parameters) {
  if (parameters.empty()) return std::optional<SharedMemoryPlace>();
  const InferParameter* region = find(parameters, "shared_memory_region");
  if (region != nullptr && !region->has_string_param()) {
    return invalid_argument(
        "invalid value type for 'shared_memory_region' parameter for tensor '{}', expected "
        "string_param.",
        tensor);
  }
  const bool has_region = region != nullptr;
  NESO_TRY(const auto offset,
           region_number(tensor, parameters, "shared_memory_offset", has_region));
  NESO_TRY(const auto byte_size,
           region_number(tensor, parameters, "shared_memory_byte_size", has_region));
  if (!has_region) return std::optional<SharedMemoryPlace>();
  if (!byte_size) {
    return invalid_argument(
        "'shared_memory_byte_size' must be specified along with 'shared_memory_region' parameter "
        "for tensor '{}'",
        tensor);
  }
  return std::optional(SharedMemoryPlace{
      .region = region->string_param(), .offset = offset.value_or(0), .byte_size = *byte_size});
}

Result<std::optional<int64_t>> classification(const ParameterMap& parameters) {
  const InferParameter* count = find(parameters, "classification");
  if (count == nullptr) return std::optional<int64_t>();
  if (!count->has_int64_param()) {
    return invalid_argument(
        "invalid value type for 'classification' parameter, expected int64_param");
  }
  if (count->int64_param() <= 0)
    return invalid_argument("invalid value for 'classification' parameter, expected >= 0");
  return std::optional<int64_t>(count->int64_param());
}

}  // namespace neso::grpc_api
