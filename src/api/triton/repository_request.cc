// SPDX-License-Identifier: Apache-2.0
#include "api/triton/repository_request.h"

#include <absl/strings/escaping.h>

#include <string>
#include <utility>

#include "base/error.h"
#include "base/json.h"

namespace neso::triton {

Result<ModelOverrides> decode_load_request(std::string_view body) {
  ModelOverrides overrides;
  if (body.empty()) return overrides;
  const auto parsed = parse_json(body);
  if (!parsed) return parsed.error().with_context("failed to parse the request JSON buffer");
  const JsonValue* parameters = parsed->find("parameters");
  if (parameters == nullptr) return overrides;
  if (!parameters->is_object()) return invalid_argument("'parameters' must be an object");
  for (const auto& [name, value] : parameters->members()) {
    const auto text = value.as_string();
    if (!text) return invalid_argument("the load parameter '{}' must be a string", name);
    if (name == "config") {
      overrides.config_json = *text;
    } else if (name.starts_with(kFileParameter)) {
      std::string content;
      if (!absl::Base64Unescape({text->data(), text->size()}, &content))
        return invalid_argument("the load parameter '{}' is not base64", name);
      overrides.files[name.substr(kFileParameter.size())] = std::move(content);
    } else {
      return invalid_argument("unrecognized load parameter '{}'; there are config and file:PATH",
                              name);
    }
  }
  return overrides;
}

bool unloads_dependents(std::string_view body) {
  const auto parsed = parse_json(body);
  if (!parsed) return false;
  const JsonValue* parameters = parsed->find("parameters");
  const JsonValue* flag = parameters != nullptr ? parameters->find("unload_dependents") : nullptr;
  return flag != nullptr && flag->as_bool().value_or(false);
}

}  // namespace neso::triton
