// SPDX-License-Identifier: Apache-2.0
// Where the server's traces go, as --trace-config says.
#pragma once

#include <memory>

#include "base/metrics.h"
#include "base/result.h"
#include "config/trace_options.h"
#include "trace/trace.h"

namespace neso {

// Null without a file in Triton's mode: nothing can be traced then.
Result<std::shared_ptr<TraceSink>> make_trace_sink(const TraceOptions& options,
                                                   MetricRegistry& metrics);

}  // namespace neso
