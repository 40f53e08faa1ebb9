// SPDX-License-Identifier: Apache-2.0
// Log lines in Triton's format: `I1124 02:51:34.123456 4242 repository.cc:47] "loading: bert:1"`,
// UTC. log_info("loading: {}:{}", name, version) records the caller's file and line. Any thread; a
// line is written whole, or dropped and counted when the sink fails or its reader lags: logging
// never holds up its caller.
#pragma once

#include <fmt/format.h>

#include <concepts>
#include <cstdint>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "base/result.h"

namespace neso {

enum class LogLevel { Error, Warning, Info };
enum class LogFormat { Default, Iso8601 };

struct LogSettings {
  bool error = true;
  bool warning = true;
  bool info = true;
  int verbose_level = 0;
  LogFormat format = LogFormat::Default;
  std::string file;  // empty: standard error
};

// Replaces the settings; fails when the file cannot be opened for appending.
Result<> set_log_settings(const LogSettings& settings);
LogSettings log_settings();

// What may change while the process runs; what is empty stays as it is.
struct LogSettingsChange {
  std::optional<bool> error;
  std::optional<bool> warning;
  std::optional<bool> info;
  std::optional<int> verbose_level;
  std::optional<LogFormat> format;
};
// At once, so that no other change is lost between.
void change_log_settings(const LogSettingsChange& change);

// "default" and "ISO8601", Triton's words; nullopt for any other.
std::string_view to_string(LogFormat format);
std::optional<LogFormat> log_format_from(std::string_view word);

// Lines that could not be written (disk full, closed or full pipe) since the start.
uint64_t dropped_log_lines();

bool log_enabled(LogLevel level);
bool log_verbose_enabled(int level);

// One line: the message is quoted and escaped as a JSON string, cut at 64 KiB.
void write_log(LogLevel level, std::string_view message,
               const std::source_location& where = std::source_location::current());
// A heading and a multi-line text that is printed as it is (Triton's tables).
void write_log_block(std::string_view heading, std::string_view text,
                     const std::source_location& where = std::source_location::current());

// A checked fmt format string that remembers where it was written.
template <typename... Args>
struct BasicLogFormat {
  template <typename S>
    requires std::convertible_to<const S&, std::string_view>
  consteval BasicLogFormat(const S& text,  // NOLINT: implicit on purpose
                           std::source_location at = std::source_location::current())
      : format(text), where(at) {}
  fmt::format_string<Args...> format;
  std::source_location where;
};
template <typename... Args>
using LogText = BasicLogFormat<std::type_identity_t<Args>...>;

template <typename... Args>
void log_info(LogText<Args...> text, Args&&... args) {
  if (log_enabled(LogLevel::Info)) {
    write_log(LogLevel::Info, fmt::format(text.format, std::forward<Args>(args)...), text.where);
  }
}
template <typename... Args>
void log_warning(LogText<Args...> text, Args&&... args) {
  if (log_enabled(LogLevel::Warning)) {
    write_log(LogLevel::Warning, fmt::format(text.format, std::forward<Args>(args)...), text.where);
  }
}
template <typename... Args>
void log_error(LogText<Args...> text, Args&&... args) {
  if (log_enabled(LogLevel::Error)) {
    write_log(LogLevel::Error, fmt::format(text.format, std::forward<Args>(args)...), text.where);
  }
}
// Shown from --log-verbose=level on, printed with the letter I as Triton does.
template <typename... Args>
void log_verbose(int level, LogText<Args...> text, Args&&... args) {
  if (log_verbose_enabled(level)) {
    write_log(LogLevel::Info, fmt::format(text.format, std::forward<Args>(args)...), text.where);
  }
}

}  // namespace neso
