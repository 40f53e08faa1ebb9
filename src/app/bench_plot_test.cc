// SPDX-License-Identifier: Apache-2.0
#include "app/bench_plot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <stack>

namespace neso {
namespace {

using testing::HasSubstr;
using testing::Not;

size_t count(std::string_view text, std::string_view word) {
  size_t found = 0;
  for (size_t at = text.find(word); at != text.npos; at = text.find(word, at + 1)) ++found;
  return found;
}

// Every tag is closed in its order, no bare ampersand, quotes in pairs. Good enough for what we
// write ourselves: no comments, no CDATA.
bool is_well_formed(std::string_view svg) {
  std::stack<std::string> open;
  for (size_t at = svg.find('&'); at != svg.npos; at = svg.find('&', at + 1)) {
    const std::string_view rest = svg.substr(at);
    if (!rest.starts_with("&amp;") && !rest.starts_with("&lt;") && !rest.starts_with("&gt;") &&
        !rest.starts_with("&quot;"))
      return false;
  }
  for (size_t at = svg.find('<'); at != svg.npos; at = svg.find('<', at + 1)) {
    const size_t end = svg.find('>', at);
    if (end == svg.npos) return false;
    const std::string_view tag = svg.substr(at + 1, end - at - 1);
    if (tag.find('<') != tag.npos || count(tag, "\"") % 2 != 0) return false;
    if (tag.ends_with('/')) continue;
    if (!tag.starts_with('/')) {
      open.emplace(tag.substr(0, tag.find(' ')));
    } else if (open.empty() || open.top() != tag.substr(1)) {
      return false;
    } else {
      open.pop();
    }
  }
  return open.empty();
}

PlotSeries series(std::string name, double scale) {
  return {std::move(name),
          {{512, 21000 * scale}, {8, 30000 * scale}, {128, 27000 * scale}},
          {{1, 0.8 / scale}, {8, 5.5 / scale}, {64, 44 / scale}}};
}

TEST(BenchPlot, HasALineAndALegendEntryPerEngine) {
  const std::string svg = draw_bench_plot(
      {"a model", "avx2, 2 threads", {series("cpu fp32", 1), series("onnx exported", 0.5)}});
  EXPECT_TRUE(is_well_formed(svg));
  EXPECT_EQ(count(svg, "<polyline"), 4U);
  for (const char* text :
       {">a model<", ">avx2, 2 threads<", ">cpu fp32<", ">onnx exported<", ">Tokens per second<",
        ">Milliseconds per call, median<", ">30k<", ">512<", ">50<"})
    EXPECT_THAT(svg, HasSubstr(text));
}

TEST(BenchPlot, PointsStandWhereTheirValuesAre) {
  // Lengths 4 and 16 are the ends of the axis, 8 its middle; 20 is the highest of 0 .. 20.
  const std::string svg = draw_bench_plot({"", "", {{"e", {{16, 20}, {4, 10}, {8, 20}}, {}}}});
  EXPECT_THAT(svg, HasSubstr(R"(points="66.0,252.0 266.0,112.0 466.0,112.0")"));
}

TEST(BenchPlot, TakesOnePoint) {
  const std::string svg = draw_bench_plot({"t", "", {{"e", {{32, 9000}}, {}}}});
  EXPECT_TRUE(is_well_formed(svg));
  EXPECT_EQ(count(svg, "<polyline"), 1U);
  EXPECT_THAT(svg, HasSubstr("no batchN case was measured"));
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
  EXPECT_THAT(svg, Not(HasSubstr("inf")));
}

TEST(BenchPlot, TakesNoEngine) {
  const std::string svg = draw_bench_plot({"t", "", {}});
  EXPECT_TRUE(is_well_formed(svg));
  EXPECT_EQ(count(svg, "<polyline"), 0U);
  EXPECT_THAT(svg, HasSubstr("no lenN case was measured"));
}

TEST(BenchPlot, LeavesOutWhatIsNoPoint) {
  const double infinity = std::numeric_limits<double>::infinity();
  const std::string svg = draw_bench_plot(
      {"t", "", {{"e", {{8, NAN}, {0, 5}, {16, infinity}, {32, 100}}, {{1, 0}, {2, -1}}}}});
  EXPECT_TRUE(is_well_formed(svg));
  EXPECT_EQ(count(svg, "<polyline"), 1U);
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
  EXPECT_THAT(svg, Not(HasSubstr("inf")));
}

TEST(BenchPlot, WideRangesAndManyEnginesKeepTheirTicksAndStrokesApart) {
  std::vector<PlotSeries> many;
  for (int i = 0; i < 32; ++i)
    many.push_back(series("engine " + std::to_string(i), std::pow(2.0, i % 16)));
  const std::string svg = draw_bench_plot({"t", "", many});
  EXPECT_TRUE(is_well_formed(svg));
  EXPECT_EQ(count(svg, "<polyline"), 64U);
  EXPECT_LT(count(svg, "class=\"tick"), 50U);
  EXPECT_EQ(count(svg, R"(stroke="#0072b2" points)"), 2U);  // without dashes: the first alone
}

TEST(BenchPlot, EscapesNames) {
  const std::string svg = draw_bench_plot({R"(<a & "b">)", "\x01", {series("x<y", 1)}});
  EXPECT_TRUE(is_well_formed(svg));
  EXPECT_THAT(svg, HasSubstr("&lt;a &amp; &quot;b&quot;&gt;"));
  EXPECT_THAT(svg, HasSubstr("x&lt;y"));
}

}  // namespace
}  // namespace neso
