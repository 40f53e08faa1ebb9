// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <system_error>

#include "base/clock.h"
#include "base/cut_text.h"
#include "base/error.h"
#include "base/json_escape.h"
#include "base/log_reopen.h"
#include "base/thread_annotations.h"

namespace neso {
namespace {

constexpr size_t kMaxMessageBytes = 64 * 1024;

// Levels are read on every call, so they are atomics; the rest changes rarely and sits behind the
// mutex.
struct LogState {
  std::atomic<bool> error{true};
  std::atomic<bool> warning{true};
  std::atomic<bool> info{true};
  std::atomic<int> verbose_level{0};
  std::atomic<uint64_t> dropped{0};
  std::atomic<bool> reopen{false};
  Mutex mutex;
  LogSettings settings GUARDED_BY(mutex);
  int descriptor GUARDED_BY(mutex) = STDERR_FILENO;
  bool stalled GUARDED_BY(mutex) = false;  // the last line found no reader
  bool torn GUARDED_BY(mutex) = false;     // the last line was written in part
};

LogState& state() {
  static LogState log_state;
  return log_state;
}

char letter(LogLevel level) {
  switch (level) {
    case LogLevel::Error:
      return 'E';
    case LogLevel::Warning:
      return 'W';
    case LogLevel::Info:
      return 'I';
  }
  return 'I';
}

std::string prefix(LogLevel level, LogFormat format, const std::source_location& where) {
  const int64_t now_us = system_clock().wall_us();
  const time_t seconds = static_cast<time_t>(now_us / 1'000'000);
  tm utc{};
  gmtime_r(&seconds, &utc);
  const char* slash = std::strrchr(where.file_name(), '/');
  const char* file = slash != nullptr ? slash + 1 : where.file_name();
  if (format == LogFormat::Iso8601) {
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z {} {} {}:{}] ", utc.tm_year + 1900,
                       utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                       letter(level), getpid(), file, where.line());
  }
  return fmt::format("{}{:02}{:02} {:02}:{:02}:{:02}.{:06} {} {}:{}] ", letter(level),
                     utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                     now_us % 1'000'000, getpid(), file, where.line());
}

// A pipe or socket that reports room takes at least so many bytes without blocking.
constexpr size_t kPieceBytes = 4096;
// How long a line waits for a reader that lags; after one was lost, none waits until it catches up.
constexpr int kPatienceMs = 100;

// Writes to the log's sink and never blocks for long: whoever logs may be serving a request. False
// when some of `text` was not written.
bool write_all(LogState& log, std::string_view text) REQUIRES(log.mutex) {
  const size_t size = text.size();
  while (!text.empty()) {
    pollfd sink{log.descriptor, POLLOUT, 0};
    const int ready = ::poll(&sink, 1, log.stalled ? 0 : kPatienceMs);
    if (ready < 0 && errno == EINTR) continue;
    log.stalled = ready == 0;
    const ssize_t written =
        ready == 0 ? -1 : ::write(log.descriptor, text.data(), std::min(text.size(), kPieceBytes));
    if (written < 0) {
      if (ready != 0 && errno == EINTR) continue;
      log.torn = log.torn || text.size() < size;
      return false;
    }
    text.remove_prefix(static_cast<size_t>(written));
  }
  log.torn = false;
  return true;
}

// -1, and errno, when it cannot be opened.
int open_file(const LogSettings& settings) {
  return ::open(settings.file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
}

void write_from_now_on(LogState& log, int descriptor) REQUIRES(log.mutex) {
  if (log.descriptor != STDERR_FILENO) ::close(log.descriptor);
  log.descriptor = descriptor;
  log.stalled = log.torn = false;
}

// All but the file.
void put_in_force(LogState& log) REQUIRES(log.mutex) {
  log.error = log.settings.error;
  log.warning = log.settings.warning;
  log.info = log.settings.info;
  log.verbose_level = log.settings.verbose_level;
}

void write_line(LogLevel level, std::string_view text, const std::source_location& where) {
  LogState& log = state();
  MutexLock lock(log.mutex);
  if (log.reopen.exchange(false) && !log.settings.file.empty()) {
    if (const int descriptor = open_file(log.settings); descriptor >= 0)
      write_from_now_on(log, descriptor);
  }
  std::string line = log.torn ? "\n" : "";  // ends what the line before could not
  line += prefix(level, log.settings.format, where);
  line += text;
  line += '\n';
  if (!write_all(log, line)) log.dropped.fetch_add(1);
}

}  // namespace

Result<> set_log_settings(const LogSettings& settings) {
  LogState& log = state();
  MutexLock lock(log.mutex);
  if (settings.file != log.settings.file) {
    int descriptor = STDERR_FILENO;
    if (!settings.file.empty()) {
      descriptor = open_file(settings);
      if (descriptor < 0) {
        return invalid_argument("cannot open the log file '{}': {}; choose another with --log-file",
                                settings.file, std::generic_category().message(errno));
      }
    }
    write_from_now_on(log, descriptor);
  }
  log.settings = settings;
  put_in_force(log);
  return {};
}

void change_log_settings(const LogSettingsChange& change) {
  LogState& log = state();
  MutexLock lock(log.mutex);
  LogSettings& settings = log.settings;
  settings.error = change.error.value_or(settings.error);
  settings.warning = change.warning.value_or(settings.warning);
  settings.info = change.info.value_or(settings.info);
  settings.verbose_level = change.verbose_level.value_or(settings.verbose_level);
  settings.format = change.format.value_or(settings.format);
  put_in_force(log);
}

LogSettings log_settings() {
  LogState& log = state();
  MutexLock lock(log.mutex);
  return log.settings;
}

std::string_view to_string(LogFormat format) {
  return format == LogFormat::Default ? "default" : "ISO8601";
}

std::optional<LogFormat> log_format_from(std::string_view word) {
  for (const LogFormat format : {LogFormat::Default, LogFormat::Iso8601}) {
    if (word == to_string(format)) return format;
  }
  return std::nullopt;
}

void reopen_log_file() noexcept {
  static_assert(std::atomic<bool>::is_always_lock_free);
  state().reopen = true;
}

uint64_t dropped_log_lines() {
  return state().dropped.load();
}

bool log_enabled(LogLevel level) {
  switch (level) {
    case LogLevel::Error:
      return state().error.load(std::memory_order_relaxed);
    case LogLevel::Warning:
      return state().warning.load(std::memory_order_relaxed);
    case LogLevel::Info:
      return state().info.load(std::memory_order_relaxed);
  }
  return true;
}

bool log_verbose_enabled(int level) {
  return state().verbose_level.load(std::memory_order_relaxed) >= level;
}

void write_log(LogLevel level, std::string_view message, const std::source_location& where) {
  write_line(level, json_quoted(cut_text(message, kMaxMessageBytes)), where);
}

void write_log_block(std::string_view heading, std::string_view text,
                     const std::source_location& where) {
  if (!log_enabled(LogLevel::Info)) return;
  std::string block(heading);
  block += '\n';
  block += text;
  write_line(LogLevel::Info, block, where);
}

}  // namespace neso
