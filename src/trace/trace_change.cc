// SPDX-License-Identifier: Apache-2.0
#include "trace/trace_change.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdlib>
#include <limits>

#include "base/cut_text.h"
#include "base/error.h"

namespace neso {
namespace {

constexpr int32_t kLeastCount = -1;

// A number as C++'s stoi reads it: blanks before, and whatever is behind its digits, do not count.
Result<int32_t> read_number(std::string_view setting, const std::string& word, int64_t least,
                            int64_t most) {
  char* end = nullptr;
  errno = 0;
  const long number = std::strtol(word.c_str(), &end, 10);
  if (end == word.c_str())
    return invalid_argument("Unable to parse '{}', got: {}", setting, cut_text(word, 256));
  if (errno == ERANGE || !std::in_range<int32_t>(number)) {
    return invalid_argument("Unable to parse '{}', value is out of range [ {}, {} ], got: {}",
                            setting, least, most, cut_text(word, 256));
  }
  return static_cast<int32_t>(number);
}

// A negative number wraps round, as in Triton.
Result<uint32_t> read_unsigned(std::string_view setting, const std::string& word) {
  NESO_TRY(const int32_t number,
           read_number(setting, word, 0, std::numeric_limits<uint32_t>::max()));
  return static_cast<uint32_t>(number);
}

}  // namespace

Result<> read_trace_level(const TraceWords& words, TraceChange& change) {
  TraceLevel level;
  for (const std::string& word : words) {
    if (word == "OFF") {
      if (words.size() > 1)
        return invalid_argument("Expect only one trace level 'OFF' is specified");
      change.level = level;
    } else if (word == "TIMESTAMPS") {
      level.timestamps = true;
      change.level = level;
    } else if (word == "TENSORS") {
      level.tensors = true;
      change.level = level;
    }
  }
  return {};
}

Result<> read_trace_rate(const std::string& word, TraceChange& change) {
  NESO_TRY(change.rate, read_unsigned("trace_rate", word));
  return {};
}

Result<> read_trace_count(const std::string& word, TraceChange& change, std::string_view got) {
  NESO_TRY(const int32_t count,
           read_number("trace_count", word, kLeastCount, std::numeric_limits<int32_t>::max()));
  if (count < kLeastCount) {
    return invalid_argument("Unable to parse 'trace_count'. Expecting value >= {}, {}{}",
                            kLeastCount, got, cut_text(word, 256));
  }
  change.count = count;
  return {};
}

Result<> read_log_frequency(const std::string& word, TraceChange& change) {
  NESO_TRY(change.log_frequency, read_unsigned("log_frequency", word));
  return {};
}

Error trace_file_is_fixed() {
  return unsupported("trace file location can not be updated through network protocol");
}

TraceRows trace_rows(const TraceSettings& settings, const TraceOptions& options) {
  TraceWords level;
  if (settings.level.off()) level.emplace_back("OFF");
  if (settings.level.timestamps) level.emplace_back("TIMESTAMPS");
  if (settings.level.tensors) level.emplace_back("TENSORS");
  TraceRows rows = {{"trace_level", std::move(level)}};
  const auto add = [&rows](std::string name, std::string value) {
    rows.emplace_back(std::move(name), TraceWords{std::move(value)});
  };
  add("trace_rate", std::to_string(settings.rate));
  add("trace_count", std::to_string(settings.count));
  if (options.mode == TraceMode::Triton) {
    add("log_frequency", std::to_string(settings.log_frequency));
    add("trace_file", options.file);
    add("trace_mode", "triton");
    return rows;
  }
  const OpenTelemetryOptions& telemetry = options.open_telemetry;
  add("trace_mode", "opentelemetry");
  add("url", telemetry.url);
  std::string resource;
  for (const auto& [key, value] : telemetry.resource)
    resource += fmt::format("{}{}={}", resource.empty() ? "" : ",", key, value);
  add("resource", std::move(resource));
  add("bsp_max_export_batch_size", std::to_string(telemetry.max_export_batch_size));
  add("bsp_schedule_delay", std::to_string(telemetry.schedule_delay_ms));
  add("bsp_max_queue_size", std::to_string(telemetry.max_queue_size));
  return rows;
}

}  // namespace neso
