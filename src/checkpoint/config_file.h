// SPDX-License-Identifier: Apache-2.0
// One JSON file of a model folder, read with typed questions whose errors name file and key.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/json.h"
#include "base/result.h"

namespace neso {

class ConfigFile {
 public:
  enum class Root { Object, List };

  // NotFound when it is not there. Refuses another root, and a key that is there twice, anywhere:
  // readers disagree on which one counts.
  static Result<ConfigFile> open(const std::filesystem::path& path, Root root = Root::Object);
  static Result<std::optional<ConfigFile>> open_if_there(const std::filesystem::path& path,
                                                         Root root = Root::Object);

  const std::filesystem::path& path() const { return path_; }
  const JsonValue& root() const { return root_; }

  // Null when the key is absent, also because the root is a list, or its value is null.
  const JsonValue* find(std::string_view key) const;

  // nullopt when absent or null; InvalidArgument when of another type.
  Result<std::optional<bool>> boolean(std::string_view key) const;
  Result<std::optional<std::string>> text(std::string_view key) const;
  Result<std::optional<double>> number(std::string_view key) const;
  Result<std::optional<size_t>> size(std::string_view key) const;  // an integer >= 0

  // `error`, about `key` of this file: "/m/config.json: \"hidden_size\" <message>".
  Error about(std::string_view key, const Error& error) const;

 private:
  ConfigFile(std::filesystem::path path, JsonValue root);
  std::filesystem::path path_;
  JsonValue root_;
};

}  // namespace neso
