// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/reference_vectors.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "checkpoint/config_file.h"

namespace neso {
namespace {

Result<std::vector<float>> read_values(const JsonValue* value) {
  if (value == nullptr || !value->is_array()) {
    return invalid_argument("has no \"vector\"; it must be a list of numbers");
  }
  const JsonArray& elements = value->array();
  if (elements.empty()) return invalid_argument("has an empty \"vector\"");
  if (elements.size() > kMostReferenceValues) {
    return invalid_argument("has a \"vector\" of {} values; at most {} are read", elements.size(),
                            kMostReferenceValues);
  }
  std::vector<float> values;
  values.reserve(elements.size());
  for (const JsonValue& element : elements) {
    const std::optional<double> number = element.as_double();
    if (!number) {
      return invalid_argument("has a \"vector\" whose value {} is no number", values.size());
    }
    values.push_back(static_cast<float>(*number));
    if (!std::isfinite(values.back())) {
      return invalid_argument("has a \"vector\" whose value {}, {}, is too large for 32 bits",
                              values.size() - 1, *number);
    }
  }
  if (std::ranges::all_of(values, [](float v) { return v == 0.0F; })) {
    return invalid_argument("has a \"vector\" that is all zero, which has no direction to compare");
  }
  return values;
}

Result<ReferenceVector> read_vector(const JsonValue& entry) {
  if (!entry.is_object()) {
    return invalid_argument("must be an object with a \"text\" and a \"vector\"");
  }
  ReferenceVector vector;
  const JsonValue* text = entry.find("text");
  if (text == nullptr || !text->is_string()) {
    return invalid_argument("has no \"text\"; it must be a string");
  }
  vector.text = *text->as_string();
  if (vector.text.size() > kMostReferenceTextBytes) {
    return invalid_argument("has a \"text\" of {} bytes; at most {} are read", vector.text.size(),
                            kMostReferenceTextBytes);
  }
  if (const JsonValue* name = entry.find("prompt_name"); name != nullptr && !name->is_null()) {
    if (!name->is_string()) return invalid_argument("has a \"prompt_name\" that is no string");
    vector.prompt_name = std::string(*name->as_string());
  }
  NESO_TRY(vector.values, read_values(entry.find("vector")));
  return vector;
}

}  // namespace

Result<ReferenceVectors> read_reference_vectors(const std::filesystem::path& file) {
  NESO_TRY(const ConfigFile config, ConfigFile::open(file));
  constexpr std::string_view kKey = "vectors";
  ReferenceVectors references{.file = file};
  NESO_TRY(const std::optional<std::string> made_by, config.text("made_by"));
  references.made_by = made_by.value_or("");
  const JsonValue* list = config.find(kKey);
  if (list == nullptr || !list->is_array() || list->array().empty()) {
    return config.about(
        kKey, invalid_argument("must be a list of at least one {{\"text\", \"vector\"}}; write the "
                               "file with tools/make_reference_vectors.py, or remove it"));
  }
  if (list->array().size() > kMostReferenceVectors) {
    return config.about(kKey, invalid_argument("has {} vectors, but every load runs them all; "
                                               "keep at most {}",
                                               list->array().size(), kMostReferenceVectors));
  }
  for (const JsonValue& entry : list->array()) {
    const size_t index = references.vectors.size();
    Result<ReferenceVector> vector = read_vector(entry);
    if (!vector) {
      return Error{vector.error().code, fmt::format("{}: number {} of \"{}\" {}", file.string(),
                                                    index, kKey, vector.error().message)};
    }
    references.vectors.push_back(*std::move(vector));
    const size_t width = references.vectors.back().values.size();
    if (width != references.width()) {
      return invalid_argument(
          "{}: number {} of \"{}\" has a \"vector\" of {} values, but number 0 has {}; all of them "
          "are one model's",
          file.string(), index, kKey, width, references.width());
    }
  }
  return references;
}

}  // namespace neso
