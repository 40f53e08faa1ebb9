// SPDX-License-Identifier: Apache-2.0
// Deprecated options of Triton, still understood, with its warnings.
#include <limits>
#include <utility>

#include "base/error.h"
#include "config/server_option_rows.h"

namespace neso {
namespace {

// A deprecated trace option: checked by `value`, warned about in Triton's words.
Option deprecated_trace(std::vector<std::string>& warnings, std::string_view name,
                        OptionValue value, std::string_view instead) {
  value.set = [&warnings, name, instead,
               check = std::move(value.set)](std::string_view text) -> Result<> {
    warnings.push_back(
        fmt::format("Warning: '--{}' has been deprecated and will be removed in future releases. "
                    "Please use '--trace-config {} instead.",
                    name, instead));
    return check(text);
  };
  return {name, std::move(value), "DEPRECATED: use --trace-config."};
}

OptionValue strict_model_config_value(ServerDraft& draft) {
  return {"boolean", "false", [&draft](std::string_view text) -> Result<> {
            draft.options.warnings.emplace_back(
                "Warning: '--strict-model-config' has been deprecated! Please use "
                "'--disable-auto-complete-config' instead.");
            NESO_TRY(draft.strict_model_config, read_bool(text));
            return {};
          }};
}

OptionValue response_cache_byte_size_value(ServerDraft& draft) {
  return {"integer", "", [&draft](std::string_view text) -> Result<> {
            NESO_TRY(const int64_t bytes,
                     read_integer(text, 0, std::numeric_limits<int64_t>::max()));
            draft.response_cache_byte_size_given = true;
            draft.options.response_cache_bytes = static_cast<uint64_t>(bytes);
            draft.options.warnings.push_back(fmt::format(
                "Warning: '--response-cache-byte-size' has been deprecated! This will default "
                "to the 'local' cache implementation with the provided byte size for its "
                "config. Please use '--cache-config' instead. The equivalent --cache-config "
                "CLI args would be: '--cache-config=local,size={}'",
                bytes));
            return {};
          }};
}

}  // namespace

OptionSection deprecated_section(ServerDraft& draft) {
  auto& warnings = draft.options.warnings;
  TraceOptions& trace = draft.options.trace;
  return {
      "DEPRECATED",
      {{"strict-model-config", strict_model_config_value(draft),
        "DEPRECATED: true is --disable-auto-complete-config, false changes nothing."},
       {"response-cache-byte-size", response_cache_byte_size_value(draft),
        "DEPRECATED: use --cache-config."},
       deprecated_trace(warnings, "trace-file", text_value(trace.file), "triton,file=<filepath>"),
       deprecated_trace(warnings, "trace-level", trace_level_value(trace.settings.level),
                        "level=<OFF|TIMESTAMPS|TENSORS>"),
       deprecated_trace(warnings, "trace-rate", integer_value(trace.settings.rate, 0),
                        "rate=<rate value>"),
       deprecated_trace(warnings, "trace-count", integer_value(trace.settings.count, -1),
                        "count=<count value>"),
       deprecated_trace(warnings, "trace-log-frequency",
                        integer_value(trace.settings.log_frequency, 0),
                        "triton,log-frequency=<log frequency value>")}};
}

}  // namespace neso
