// SPDX-License-Identifier: Apache-2.0
// Draws a run of `neso bench` as SVG: tokens per second over the length of a text, and milliseconds
// over the texts of a call. Pure: figures in, text out.
#pragma once

#include <string>
#include <vector>

#include "app/svg_chart.h"

namespace neso {

// One engine. Points in any order; those that are not finite and above 0 are left out.
struct PlotSeries {
  std::string name;
  std::vector<PlotPoint> tokens_per_s;  // over tokens per text
  std::vector<PlotPoint> ms;            // over texts per call
};

struct BenchPlot {
  std::string title;
  std::string subtitle;
  std::vector<PlotSeries> series;
};

std::string draw_bench_plot(const BenchPlot& plot);

}  // namespace neso
