// SPDX-License-Identifier: Apache-2.0
#include "app/trace_sink.h"

#include "otlp/otlp_exporter.h"
#include "trace/trace_files.h"

namespace neso {

Result<std::shared_ptr<TraceSink>> make_trace_sink(const TraceOptions& options,
                                                   MetricRegistry& metrics) {
  const bool in_files = options.mode == TraceMode::Triton;
  if (in_files && options.file.empty()) return std::shared_ptr<TraceSink>();
  const auto dropped = metrics.series("neso_traces_dropped_total", MetricKind::Counter,
                                      "Traces that could not be written or sent", {});
  if (in_files) {
    NESO_TRY(auto files, TraceFiles::start(options.file, dropped));
    return std::shared_ptr<TraceSink>(std::move(files));
  }
  NESO_TRY(auto exporter, OtlpExporter::start(options.open_telemetry, dropped));
  return std::shared_ptr<TraceSink>(std::move(exporter));
}

}  // namespace neso
