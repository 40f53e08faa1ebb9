// SPDX-License-Identifier: Apache-2.0
// What lies in the repository folders: models and their version folders. Reads directories only.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "config/model_config.h"

namespace neso {

struct FoundModel {
  std::string name;
  std::filesystem::path folder;
  std::vector<int64_t> versions;  // ascending
};

struct FoundModels {
  std::vector<FoundModel> models;       // by name
  std::vector<std::string> duplicates;  // names that several folders have; not among `models`
};

// Every folder in the repositories is a model, hidden ones excepted. An unreadable repository is an
// error with its path. What looks like a version but is none is left out, with a line in the log.
Result<FoundModels> scan_repositories(std::span<const std::filesystem::path> folders);

// The numbers of a model's version folders, ascending.
Result<std::vector<int64_t>> find_versions(const std::string& model,
                                           const std::filesystem::path& folder);

// The one model of that name; nullopt when no folder has it, or several have.
Result<std::optional<FoundModel>> find_model(std::span<const std::filesystem::path> folders,
                                             const std::string& name);

// Those of `available` that the policy serves, ascending. A specific version that is not there is
// logged.
std::vector<int64_t> select_versions(const ModelConfig& config,
                                     const std::vector<int64_t>& available);

}  // namespace neso
