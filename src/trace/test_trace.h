// SPDX-License-Identifier: Apache-2.0
// For tests only: a sink that keeps what it gets.
#pragma once

#include <utility>
#include <vector>

#include "trace/trace.h"

namespace neso {

struct KeptTraces final : TraceSink {
  void take(FinishedTrace trace) noexcept override { traces.push_back(std::move(trace)); }
  void ended(const std::shared_ptr<TraceSeries>& series) noexcept override {
    ended_series.push_back(series);
  }
  void close() override { closed = true; }

  std::vector<FinishedTrace> traces;
  std::vector<std::shared_ptr<TraceSeries>> ended_series;
  bool closed = false;
};

inline TraceOptions traced_to_file(uint32_t rate = 1, int32_t count = -1) {
  TraceOptions options;
  options.settings = {.level = {.timestamps = true}, .rate = rate, .count = count};
  options.file = "traces.json";
  return options;
}

}  // namespace neso
