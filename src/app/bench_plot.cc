// SPDX-License-Identifier: Apache-2.0
#include "app/bench_plot.h"

#include <fmt/format.h>

#include <utility>

#include "app/bench_case.h"

namespace neso {

std::string draw_bench_plot(const BenchPlot& plot) {
  Chart chart{.title = plot.title, .subtitle = plot.subtitle};
  ChartPanel& lengths = chart.panels[0];
  lengths = {"Tokens per second",
             fmt::format("tokens per text, {} texts a call", kBenchTextsPerCall),
             "no lenN case was measured", false};
  ChartPanel& batches = chart.panels[1];
  batches = {"Milliseconds per call, median",
             fmt::format("texts per call, {} tokens a text", kBenchTokensPerText),
             "no batchN case was measured", true};
  for (const PlotSeries& series : plot.series) {
    chart.names.push_back(series.name);
    lengths.lines.push_back(series.tokens_per_s);
    batches.lines.push_back(series.ms);
  }
  return draw_chart(chart);
}

}  // namespace neso
