// SPDX-License-Identifier: Apache-2.0
// Reading JSON, two ways over one strict parser (RapidJSON stays inside json.cc): a tree for files
// that are small and read once, and a stream of events for request bodies, which never become one
// object per number. Both refuse invalid UTF-8, lone surrogates, a byte order mark,
// text after the document and nesting deeper than the limit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace neso {

struct JsonOptions {
  int max_depth = 100;
  // The bare words NaN, Inf and Infinity, with or without '-', as Triton accepts them.
  bool allow_nan_and_inf = false;
};

class JsonValue;
// Members in file order; duplicates are kept and find() answers the first.
using JsonMembers = std::vector<std::pair<std::string, JsonValue>>;
using JsonArray = std::vector<JsonValue>;

class JsonValue {
 public:
  using Data = std::variant<std::nullptr_t, bool, int64_t, uint64_t, double, std::string, JsonArray,
                            JsonMembers>;
  JsonValue() : data_(nullptr) {}
  explicit JsonValue(Data data) : data_(std::move(data)) {}

  bool is_null() const { return std::holds_alternative<std::nullptr_t>(data_); }
  bool is_object() const { return std::holds_alternative<JsonMembers>(data_); }
  bool is_array() const { return std::holds_alternative<JsonArray>(data_); }
  bool is_string() const { return std::holds_alternative<std::string>(data_); }

  // Value when the type fits exactly (a double with an integral value is no int), else nullopt.
  std::optional<bool> as_bool() const;
  std::optional<int64_t> as_int() const;
  std::optional<uint64_t> as_unsigned() const;
  std::optional<double> as_double() const;  // any number
  std::optional<std::string_view> as_string() const;
  // Empty when it is no array / no object.
  const JsonArray& array() const;
  const JsonMembers& members() const;
  // The member of an object, or null when absent or when this is no object.
  const JsonValue* find(std::string_view key) const;

 private:
  Data data_;
};

// The error says "<reason> at <byte offset>".
Result<JsonValue> parse_json(std::string_view text, const JsonOptions& options = {});

// Events of one document, in order. A handler that returns an error stops the parse with it.
// Strings are views into the parser's memory, valid during the call.
class JsonHandler {
 public:
  virtual ~JsonHandler() = default;
  virtual Result<> null() = 0;
  virtual Result<> boolean(bool value) = 0;
  virtual Result<> integer(int64_t value) = 0;          // fits int64
  virtual Result<> large_unsigned(uint64_t value) = 0;  // above int64's range
  // `written` with fraction or exponent, beyond uint64, or a word; a view like a string's.
  virtual Result<> number(double value, std::string_view written) = 0;
  virtual Result<> string(std::string_view value) = 0;
  virtual Result<> begin_object() = 0;
  virtual Result<> key(std::string_view name) = 0;
  virtual Result<> end_object() = 0;
  virtual Result<> begin_array() = 0;
  virtual Result<> end_array() = 0;
};

// Memory use does not grow with the number of values; the stack does not grow with nesting. A parse
// error is InvalidArgument "<reason> at <byte offset>", e.g. "Missing a comma or '}' after an
// object member. at 12".
Result<> stream_json(std::string_view text, JsonHandler& handler, const JsonOptions& options = {});

}  // namespace neso
