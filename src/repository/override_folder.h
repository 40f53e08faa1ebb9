// SPDX-License-Identifier: Apache-2.0
// Files that a client sent with a load request, as a model folder of their own.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "base/result.h"

namespace neso {

// Removed with its last holder; a model that has it mapped lives on.
class OverrideFolder {
 public:
  // `files` by path below the model's folder: "1/model.onnx". InvalidArgument for a path that leads
  // out of it.
  static Result<std::shared_ptr<const OverrideFolder>> create(
      const std::map<std::string, std::string>& files);
  ~OverrideFolder();
  OverrideFolder(const OverrideFolder&) = delete;
  OverrideFolder& operator=(const OverrideFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  explicit OverrideFolder(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

}  // namespace neso
