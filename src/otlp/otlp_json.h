// SPDX-License-Identifier: Apache-2.0
// Traces as OpenTelemetry has them: an ExportTraceServiceRequest in OTLP's JSON encoding, with
// Triton's names of spans, events and attributes.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>

#include "trace/trace.h"

namespace neso {

struct OtlpContext {
  std::map<std::string, std::string> resource;
  int64_t wall_offset_ns = 0;             // from a stamp to the time since the Unix epoch
  std::function<uint64_t()> random = {};  // for ids
};

// Spans that the trace becomes: the request's, and for every part the model's and its computing.
size_t span_count(const FinishedTrace& trace);

std::string otlp_json(std::span<const FinishedTrace> traces, const OtlpContext& context);

}  // namespace neso
