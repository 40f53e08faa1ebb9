// SPDX-License-Identifier: Apache-2.0
// Two panels of lines side by side as SVG, with one legend. Pure: figures in, text out.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace neso {

struct PlotPoint {
  double x = 0;
  double y = 0;
};

struct ChartPanel {
  std::string title;
  std::string x_title;
  std::string empty;         // in place of the points when there are none
  bool logarithmic = false;  // y; x always is
  // One per name of the chart, or fewer. Points in any order; those that are not finite and above 0
  // are left out.
  std::vector<std::vector<PlotPoint>> lines = {};
};

struct Chart {
  std::string title;
  std::string subtitle;
  std::vector<std::string> names;  // of the lines, the same ones in both panels
  std::array<ChartPanel, 2> panels;
};

std::string draw_chart(const Chart& chart);

// Text as it may stand between tags or in an attribute; what XML cannot hold becomes "?".
std::string escape_xml(std::string_view text);

}  // namespace neso
