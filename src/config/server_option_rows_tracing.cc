// SPDX-License-Identifier: Apache-2.0
// --trace-config: what is traced, and where traces go.
#include <algorithm>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "config/server_option_forms.h"
#include "config/server_option_rows.h"

namespace neso {
namespace {

constexpr int64_t kMaxUnsigned = std::numeric_limits<uint32_t>::max();

template <typename T>
Result<> set_number(std::string_view text, int64_t least, int64_t most, T& target) {
  NESO_TRY(const int64_t number, read_integer(text, least, most));
  target = static_cast<T>(number);
  return {};
}

// Several levels add up.
Result<> add_level(std::string_view text, TraceLevel& level) {
  const std::string word = lower_case(text);
  const auto is = [&word](std::initializer_list<std::string_view> words) {
    return std::ranges::find(words, word) != words.end();
  };
  if (is({"off", "false"})) return {};
  if (is({"tensors"})) {
    level.tensors = true;
  } else if (is({"on", "true", "min", "max", "timestamps"})) {
    level.timestamps = true;
  } else {
    return invalid_argument("invalid value for trace level option: {}", text);
  }
  return {};
}

Result<> set_mode(std::string_view text, TraceMode& mode) {
  if (text == "triton") {
    mode = TraceMode::Triton;
  } else if (text == "opentelemetry") {
    mode = TraceMode::OpenTelemetry;
  } else {
    return invalid_argument(
        "invalid value for trace mode option: {}. Available options are \"triton\" and "
        "\"opentelemetry\"",
        text);
  }
  return {};
}

Result<> set_resource(std::string_view text, OpenTelemetryOptions& options) {
  const size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    return invalid_argument(
        "--trace-config opentelemetry,resource takes '<key>=<value>', such as "
        "opentelemetry,resource=service.name=search. Got {}",
        text);
  }
  options.resource.insert_or_assign(std::string(text.substr(0, equals)),
                                    std::string(text.substr(equals + 1)));
  return {};
}

// True: there is such a setting.
Result<bool> set_common(const NamedSetting& parts, TraceOptions& trace) {
  if (parts.setting == "level") {
    NESO_TRY_VOID(add_level(parts.value, trace.settings.level));
  } else if (parts.setting == "rate") {
    NESO_TRY_VOID(set_number(parts.value, 0, kMaxUnsigned, trace.settings.rate));
  } else if (parts.setting == "count") {
    NESO_TRY_VOID(
        set_number(parts.value, -1, std::numeric_limits<int32_t>::max(), trace.settings.count));
  } else if (parts.setting == "mode") {
    NESO_TRY_VOID(set_mode(parts.value, trace.mode));
  } else {
    return false;
  }
  return true;
}

Result<bool> set_of_triton(const NamedSetting& parts, TraceOptions& trace) {
  if (parts.setting == "file") {
    trace.file = parts.value;
  } else if (parts.setting == "log-frequency") {
    NESO_TRY_VOID(set_number(parts.value, 0, kMaxUnsigned, trace.settings.log_frequency));
  } else {
    return false;
  }
  return true;
}

Result<bool> set_of_opentelemetry(const NamedSetting& parts, OpenTelemetryOptions& options) {
  if (parts.setting == "url") {
    options.url = parts.value;
  } else if (parts.setting == "resource") {
    NESO_TRY_VOID(set_resource(parts.value, options));
  } else if (parts.setting == "bsp_max_queue_size") {
    NESO_TRY_VOID(set_number(parts.value, 1, kMaxUnsigned, options.max_queue_size));
  } else if (parts.setting == "bsp_schedule_delay") {
    NESO_TRY_VOID(set_number(parts.value, 0, kMaxUnsigned, options.schedule_delay_ms));
  } else if (parts.setting == "bsp_max_export_batch_size") {
    NESO_TRY_VOID(set_number(parts.value, 1, kMaxUnsigned, options.max_export_batch_size));
  } else {
    return false;
  }
  return true;
}

Result<bool> set(const NamedSetting& parts, TraceOptions& trace) {
  if (parts.name.empty()) return set_common(parts, trace);
  if (parts.name == "triton") return set_of_triton(parts, trace);
  if (parts.name == "opentelemetry") return set_of_opentelemetry(parts, trace.open_telemetry);
  TraceMode unused = trace.mode;
  NESO_TRY_VOID(set_mode(parts.name, unused));
  return false;
}

OptionValue trace_config_value(ServerOptions& options) {
  return {"<string>,<string>=<string>", "", [&options](std::string_view text) -> Result<> {
            const auto parts = split_named_setting(text);
            if (!parts || text.starts_with(',')) {
              return invalid_argument(
                  "--trace-config option format is '<trace mode>,<setting>=<value>'. Got {}", text);
            }
            NESO_TRY(const bool known, set(*parts, options.trace));
            if (!known) {
              options.notes.push_back(
                  fmt::format("--trace-config {} has no effect: there is no such setting", text));
            }
            return {};
          }};
}

}  // namespace

OptionValue trace_level_value(TraceLevel& level) {
  return {"string", "OFF", [&level](std::string_view text) -> Result<> {
            if (!add_level(text, level))
              return invalid_argument("invalid argument for --trace-level: {}", text);
            return {};
          }};
}

OptionSection tracing_section(ServerOptions& options) {
  return {"Tracing",
          {{"trace-config", trace_config_value(options),
            "A setting of the traces: level=TIMESTAMPS or TENSORS, rate=N (every n-th request), "
            "count=N, mode=triton or opentelemetry; triton,file=PATH and triton,log-frequency=N; "
            "opentelemetry,url=URL, opentelemetry,resource=KEY=VALUE and its bsp_max_queue_size, "
            "bsp_schedule_delay and bsp_max_export_batch_size. May be given several times."}}};
}

}  // namespace neso
