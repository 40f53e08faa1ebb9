// SPDX-License-Identifier: Apache-2.0
// A client's change of the log's settings, for every dialect: Triton's order, and its habit that
// settings apply one by one. What stands before the first wrong one stays in force; unknown ones
// are passed over.
#pragma once

#include <concepts>
#include <optional>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/result.h"

namespace neso {

// How a dialect's request is read, with its own sentences about types. What is not there leaves
// the target alone.
template <typename T>
concept LogChangeReader =
    requires(const T& reader, std::string_view name, std::optional<bool>& flag,
             std::optional<int>& level, std::optional<LogFormat>& format) {
      { reader.has(name) } -> std::same_as<bool>;
      { reader.flag(name, flag) } -> std::same_as<Result<>>;
      { reader.verbose_level(level) } -> std::same_as<Result<>>;
      { reader.format(format) } -> std::same_as<Result<>>;
    };

template <LogChangeReader Reader>
Result<> apply_log_change(const Reader& reader) {
  LogSettingsChange change;
  const auto read = [&]() -> Result<> {
    if (reader.has("log_file"))
      return unsupported("log file location can not be updated through network protocol");
    NESO_TRY_VOID(reader.flag("log_info", change.info));
    NESO_TRY_VOID(reader.flag("log_warning", change.warning));
    NESO_TRY_VOID(reader.flag("log_error", change.error));
    NESO_TRY_VOID(reader.verbose_level(change.verbose_level));
    return reader.format(change.format);
  };
  Result<> result = read();
  change_log_settings(change);
  return result;
}

// 0 or more.
template <std::integral T>
Result<> set_verbose_level(T number, std::optional<int>& level) {
  if (!std::in_range<int>(number) || number < T{0})
    return invalid_argument("'log_verbose_level' must be a whole number from 0 to 2147483647");
  level = static_cast<int>(number);
  return {};
}

}  // namespace neso
