// SPDX-License-Identifier: Apache-2.0
#include "api/triton/infer_parameters.h"

#include <algorithm>
#include <optional>
#include <string>
#include <type_traits>
#include <variant>

#include "base/error.h"

namespace neso::triton {
namespace {

std::optional<uint64_t> whole_number(const JsonScalar& value) {
  if (const auto* number = std::get_if<int64_t>(&value); number != nullptr && *number >= 0)
    return static_cast<uint64_t>(*number);
  if (const auto* large = std::get_if<uint64_t>(&value)) return *large;
  return std::nullopt;
}

Result<> set_number(std::optional<uint64_t>& target, std::string_view key,
                    const JsonScalar& value) {
  if (target) return {};
  target = whole_number(value);
  if (!target) return invalid_argument("parameter '{}' must be a whole number, 0 or more", key);
  return {};
}

// The region's members; others are left alone.
Result<> set_region_parameter(BodyRegion& region, std::string_view key, const JsonScalar& value) {
  if (key == "shared_memory_offset") return set_number(region.offset, key, value);
  if (key == "shared_memory_byte_size") return set_number(region.byte_size, key, value);
  if (key != "shared_memory_region" || region.name) return {};
  const auto* name = std::get_if<std::string_view>(&value);
  if (name == nullptr) return invalid_argument("parameter '{}' must be a string", key);
  region.name = *name;
  return {};
}

Result<> set_sequence_id(std::optional<CorrelationId>& target, const JsonScalar& value) {
  if (target) return {};
  if (const auto number = whole_number(value)) {
    target = *number;
  } else if (const auto* text = std::get_if<std::string_view>(&value)) {
    target = std::string(*text);
  } else {
    return invalid_argument(
        "parameter 'sequence_id' must be a whole number, 0 or more, or a string");
  }
  return {};
}

Result<> set_flag(std::optional<bool>& target, std::string_view key, const JsonScalar& value) {
  const auto* flag = std::get_if<bool>(&value);
  if (flag == nullptr) return invalid_argument("parameter '{}' must be true or false", key);
  if (!target) target = *flag;
  return {};
}

}  // namespace

Result<std::string> request_id(const JsonScalar& value) {
  constexpr size_t kMaxIdBytes = 4096;
  const auto* id = std::get_if<std::string_view>(&value);
  if (id == nullptr) return invalid_argument("'id' must be a string");
  if (id->size() > kMaxIdBytes) {
    return invalid_argument("'id' has {} bytes; at most {} are accepted", id->size(), kMaxIdBytes);
  }
  return std::string(*id);
}

Error parameter_of_wrong_type(std::string_view key) {
  return invalid_argument(
      "parameter '{}' has invalid type. It should be either 'int', 'bool', or 'string'.", key);
}

Result<> check_container_parameter(std::string_view key) {
  constexpr std::string_view kScalars[] = {"binary_data_size",     "binary_data",
                                           "classification",       "shared_memory_region",
                                           "shared_memory_offset", "shared_memory_byte_size"};
  if (std::ranges::find(kScalars, key) == std::end(kScalars)) return {};
  return invalid_argument("parameter '{}' must not be an object or array", key);
}

Result<> set_request_parameter(InferBody& body, std::string_view key, const JsonScalar& value) {
  if (std::holds_alternative<std::nullptr_t>(value)) return parameter_of_wrong_type(key);
  if (key.starts_with("triton_")) {
    return invalid_argument(
        "parameter keys starting with 'triton_' are reserved for Triton usage and should not be "
        "specified.");
  }
  if (key == "binary_data_output") {
    return set_flag(body.binary_data_output, key, value);
  } else if (key == "timeout") {
    const auto* timeout = std::get_if<int64_t>(&value);
    if (timeout == nullptr || *timeout < 0) {
      return invalid_argument(
          "parameter 'timeout' must be a whole number of microseconds, 0 or more");
    }
    body.timeout_us = static_cast<uint64_t>(*timeout);
  } else if (key == "priority") {
    const auto priority = whole_number(value);
    if (!priority)
      return invalid_argument("parameter 'priority' must be a whole number, 0 or more");
    body.priority = *priority;
  } else if (key == "sequence_start") {
    return set_flag(body.sequence_start, key, value);
  } else if (key == "sequence_end") {
    return set_flag(body.sequence_end, key, value);
  } else if (key == "sequence_id") {
    return set_sequence_id(body.sequence_id, value);
  }
  return {};
}

Result<> set_input_parameter(BodyInput& input, std::string_view input_name, std::string_view key,
                             const JsonScalar& value) {
  Result<> set = key == "binary_data_size" ? set_number(input.binary_data_size, key, value)
                                           : set_region_parameter(input.region, key, value);
  if (!set) return set.error().with_context(fmt::format("input '{}'", input_name));
  return {};
}

Result<> set_output_parameter(BodyOutput& output, std::string_view key, const JsonScalar& value) {
  if (key == "binary_data" && !output.binary_data) {
    const auto* flag = std::get_if<bool>(&value);
    if (flag == nullptr)
      return invalid_argument("an output's parameter 'binary_data' must be true or false");
    output.binary_data = *flag;
    return {};
  }
  Result<> set = key == "classification" ? set_number(output.classification, key, value)
                                         : set_region_parameter(output.region, key, value);
  if (!set) return set.error().with_context("an output");
  return {};
}

void write_parameter(JsonWriter& writer, const ResponseParameter& parameter) {
  std::visit(
      [&]<typename T>(const T& value) {
        if constexpr (std::is_same_v<T, bool>) {
          writer.boolean(value);
        } else if constexpr (std::is_same_v<T, int64_t>) {
          writer.integer(value);
        } else if constexpr (std::is_same_v<T, double>) {
          writer.number(value);
        } else {
          writer.string(value);
        }
      },
      parameter);
}

}  // namespace neso::triton
