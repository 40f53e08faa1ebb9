// SPDX-License-Identifier: Apache-2.0
// The trace that a client has begun, as it tells a server (W3C Trace Context, level 1).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace neso {

struct TraceContext {
  std::string trace_id;  // 32 hexadecimal digits, lower case
  std::string span_id;   // 16 of them: the client's span
  bool sampled = false;
  std::string state;  // `tracestate`, passed on as it came
};

// nullopt when `parent`, the header traceparent, is none: a request is then traced as any other.
std::optional<TraceContext> parse_trace_context(std::string_view parent, std::string_view state);

}  // namespace neso
