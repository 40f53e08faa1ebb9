// SPDX-License-Identifier: Apache-2.0
// Reading, and the sentences for values of the wrong type.
#include "checkpoint/config_file.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/file.h"
#include "checkpoint/in_quotes.h"

namespace neso {

namespace {

// The largest that belongs to a model folder: a shard index or a tokenizer_config.json with
// thousands of added tokens.
constexpr size_t kMaxFileBytes = size_t{32} << 20U;

Result<> refuse_repeated_keys(const JsonValue& value) {
  std::vector<std::string_view> keys;
  for (const auto& [key, member] : value.members()) {
    keys.push_back(key);
    NESO_TRY_VOID(refuse_repeated_keys(member));
  }
  for (const JsonValue& element : value.array()) NESO_TRY_VOID(refuse_repeated_keys(element));
  std::ranges::sort(keys);
  const auto twin = std::ranges::adjacent_find(keys);
  if (twin != keys.end()) return invalid_argument("the key {} is there twice", in_quotes(*twin));
  return {};
}

std::string_view kind_of(const JsonValue& value) {
  if (value.is_null()) return "null";
  if (value.is_object()) return "an object";
  if (value.is_array()) return "a list";
  if (value.as_string()) return "a string";
  return value.as_bool() ? "true or false" : "a number";
}

}  // namespace

ConfigFile::ConfigFile(std::filesystem::path path, JsonValue root)
    : path_(std::move(path)), root_(std::move(root)) {}

Result<ConfigFile> ConfigFile::open(const std::filesystem::path& path, Root wanted) {
  NESO_TRY(const std::string text, read_file(path, kMaxFileBytes));
  Result<JsonValue> root = parse_json(text);
  if (!root) return root.error().with_context(path.string());
  if (wanted == Root::Object && !root->is_object()) {
    return invalid_argument("{} must hold an object, {{\"key\": value, ...}}, but holds {}",
                            path.string(), kind_of(*root));
  }
  if (wanted == Root::List && !root->is_array()) {
    return invalid_argument("{} must hold a list, [...], but holds {}", path.string(),
                            kind_of(*root));
  }
  if (Result<> unique = refuse_repeated_keys(*root); !unique)
    return unique.error().with_context(path.string());
  return ConfigFile(path, *std::move(root));
}

Result<std::optional<ConfigFile>> ConfigFile::open_if_there(const std::filesystem::path& path,
                                                            Root root) {
  Result<ConfigFile> file = open(path, root);
  if (file) return std::optional(*std::move(file));
  if (file.error().code == ErrorCode::NotFound) return std::optional<ConfigFile>();
  return std::move(file).error();
}

const JsonValue* ConfigFile::find(std::string_view key) const {
  const JsonValue* value = root_.find(key);
  return value == nullptr || value->is_null() ? nullptr : value;
}

Error ConfigFile::about(std::string_view key, const Error& error) const {
  return Error{error.code, fmt::format("{}: {} {}", path_.string(), in_quotes(key), error.message)};
}

Result<std::optional<bool>> ConfigFile::boolean(std::string_view key) const {
  const JsonValue* value = find(key);
  if (value == nullptr) return std::optional<bool>();
  const std::optional<bool> boolean = value->as_bool();
  if (!boolean) return about(key, invalid_argument("must be true or false"));
  return boolean;
}

Result<std::optional<std::string>> ConfigFile::text(std::string_view key) const {
  const JsonValue* value = find(key);
  if (value == nullptr) return std::optional<std::string>();
  const std::optional<std::string_view> text = value->as_string();
  if (!text) return about(key, invalid_argument("must be a string"));
  return std::optional<std::string>(*text);
}

Result<std::optional<double>> ConfigFile::number(std::string_view key) const {
  const JsonValue* value = find(key);
  if (value == nullptr) return std::optional<double>();
  const std::optional<double> number = value->as_double();
  if (!number) return about(key, invalid_argument("must be a number"));
  return number;
}

Result<std::optional<size_t>> ConfigFile::size(std::string_view key) const {
  const JsonValue* value = find(key);
  if (value == nullptr) return std::optional<size_t>();
  const std::optional<int64_t> integer = value->as_int();
  if (!integer || *integer < 0)
    return about(key, invalid_argument("must be an integer that is not negative"));
  return std::optional<size_t>(static_cast<size_t>(*integer));
}

}  // namespace neso
