// SPDX-License-Identifier: Apache-2.0
#include "api/grpc/repository_request.h"

#include <string>
#include <string_view>

#include "base/error.h"

namespace neso::grpc_api {
namespace {

Result<> check_repository(const std::string& repository) {
  if (repository.empty()) return {};
  return unsupported("'repository_name' specification is not supported");
}

Error wrong_type(std::string_view parameter, std::string_view expected) {
  return invalid_argument("invalid value type for load parameter '{}', expected {}.", parameter,
                          expected);
}

}  // namespace

Result<ModelOverrides> decode_load(const inference::RepositoryModelLoadRequest& message) {
  NESO_TRY_VOID(check_repository(message.repository_name()));
  ModelOverrides overrides;
  constexpr std::string_view kFile = "file:";
  for (const auto& [name, value] : message.parameters()) {
    if (name == "config") {
      if (!value.has_string_param()) return wrong_type(name, "string_param");
      overrides.config_json = value.string_param();
    } else if (name.starts_with(kFile)) {
      if (!value.has_bytes_param()) return wrong_type(name, "bytes_param");
      overrides.files[name.substr(kFile.size())] = value.bytes_param();
    } else {
      return invalid_argument("unrecognized load parameter '{}'.", name);
    }
  }
  return overrides;
}

Result<bool> decode_unload(const inference::RepositoryModelUnloadRequest& message) {
  NESO_TRY_VOID(check_repository(message.repository_name()));
  const auto dependents = message.parameters().find("unload_dependents");
  if (dependents == message.parameters().end()) return false;
  if (dependents->second.has_bool_param()) return dependents->second.bool_param();
  return invalid_argument(
      "invalid value type for 'unload_dependents' parameter, expected bool_param.");
}

}  // namespace neso::grpc_api
