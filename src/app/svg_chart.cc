// SPDX-License-Identifier: Apache-2.0
// One picture, two panels, one legend: colours tell the lines apart.
#include "app/svg_chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <string_view>
#include <utility>

namespace neso {
namespace {

constexpr double kWidth = 980;
constexpr double kPanelWidth = 400;
constexpr double kPanelHeight = 280;
constexpr double kPanelTop = 112;
constexpr std::array<double, 2> kPanelLeft = {66, 556};
constexpr double kLegendRow = 22;
constexpr double kLegendSample = 38;  // a piece of the line, before its name
constexpr double kMargin = 24;

// Okabe and Ito's colours, told apart by all eyes, without yellow and with dashes from the second
// round on.
constexpr std::array<std::string_view, 7> kColors = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                                     "#56b4e9", "#e69f00", "#333333"};
constexpr std::array<std::string_view, 5> kDashes = {"", "7 4", "2 3", "10 3 2 3", "14 4"};

struct Tick {
  double value = 0;
  std::string label;
};

// A range of values on a stretch of the picture, linear or logarithmic.
struct Axis {
  double low = 0;
  double high = 1;
  bool logarithmic = false;
  double begin = 0;  // where low is, and high
  double end = 1;
  std::vector<Tick> ticks = {};

  double at(double value) const {
    const double share =
        logarithmic ? std::log(value / low) / std::log(high / low) : (value - low) / (high - low);
    return begin + share * (end - begin);
  }
};

// 950, 2.5k, 40k, 1.2M
std::string short_number(double value) {
  if (value >= 1e6) return fmt::format("{:g}M", value / 1e6);
  if (value >= 1e3) return fmt::format("{:g}k", value / 1e3);
  return fmt::format("{:g}", value);
}

// Powers of two around the values, one more where there is only one.
Axis log2_axis(double low, double high, double begin, double end) {
  double first = std::floor(std::log2(low));
  double last = std::ceil(std::log2(high));
  if (first == last) {
    first -= 1;
    last += 1;
  }
  Axis axis{std::exp2(first), std::exp2(last), true, begin, end};
  const double step = std::ceil((last - first + 1) / 12);
  for (double power = first; power <= last; power += step)
    axis.ticks.push_back({std::exp2(power), fmt::format("{:g}", std::exp2(power))});
  return axis;
}

// From 0 to the first multiple of a round step (1, 2 or 5 times a power of ten) above the values.
Axis linear_axis(double high, double begin, double end) {
  const double power = std::pow(10, std::floor(std::log10(high / 5)));
  double step = power;
  for (const double factor : {1, 2, 5, 10}) {
    step = factor * power;
    if (high / step <= 6) break;
  }
  const double steps = std::ceil(high / step);
  Axis axis{0, steps * step, false, begin, end};
  for (double i = 0; i <= steps; i += 1) axis.ticks.push_back({i * step, short_number(i * step)});
  return axis;
}

// 1, 2 and 5 times the powers of ten around the values; over three powers and more, those alone.
Axis log10_axis(double low, double high, double begin, double end) {
  constexpr std::array<double, 3> kFactors = {1, 2, 5};
  const auto rung = [&](double index) {
    const auto factor = static_cast<size_t>(index - 3 * std::floor(index / 3));
    return kFactors[factor] * std::pow(10, std::floor(index / 3));
  };
  double first = 3 * std::floor(std::log10(low));
  while (rung(first + 1) <= low) first += 1;
  double last = first + 1;
  while (rung(last) < high) last += 1;
  Axis axis{rung(first), rung(last), true, begin, end};
  const bool powers_alone = last - first > 9;
  for (double index = first; index <= last; index += 1) {
    if (powers_alone && index != 3 * std::floor(index / 3)) continue;
    axis.ticks.push_back({rung(index), short_number(rung(index))});
  }
  return axis;
}

std::vector<PlotPoint> drawable(std::vector<PlotPoint> points) {
  std::erase_if(points, [](const PlotPoint& point) {
    return !std::isfinite(point.x) || !std::isfinite(point.y) || point.x <= 0 || point.y <= 0;
  });
  std::ranges::sort(points, {}, &PlotPoint::x);
  return points;
}

class Picture {
 public:
  template <typename... Args>
  void add(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(svg_), format, std::forward<Args>(args)...);
    svg_ += '\n';
  }

  void text(double x, double y, std::string_view style, std::string_view text) {
    add(R"(<text x="{:.1f}" y="{:.1f}" class="{}">{}</text>)", x, y, style, escape_xml(text));
  }

  std::string take() { return std::move(svg_); }

 private:
  std::string svg_;
};

std::string stroke_of(size_t series) {
  const std::string_view dash = kDashes[series / kColors.size() % kDashes.size()];
  std::string stroke = fmt::format(R"(stroke="{}")", kColors[series % kColors.size()]);
  if (!dash.empty()) stroke += fmt::format(R"( stroke-dasharray="{}")", dash);
  return stroke;
}

void draw_axes(Picture& picture, const Axis& x, const Axis& y) {
  for (const Tick& tick : y.ticks) {
    const double at = y.at(tick.value);
    picture.add(R"(<line class="grid" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>)", x.begin,
                at, x.end, at);
    picture.text(x.begin - 8, at + 4, "tick end", tick.label);
  }
  for (const Tick& tick : x.ticks) {
    const double at = x.at(tick.value);
    picture.add(R"(<line class="grid" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>)", at,
                y.begin, at, y.end);
    picture.text(at, y.begin + 19, "tick middle", tick.label);
  }
  picture.add(R"(<path class="axis" d="M{:.1f} {:.1f}V{:.1f}H{:.1f}"/>)", x.begin, y.end, y.begin,
              x.end);
}

// Points in ascending order.
struct Line {
  std::string name;
  std::vector<PlotPoint> points;
};

void draw_line(Picture& picture, const Axis& x, const Axis& y, const Line& line, size_t series) {
  if (line.points.empty()) return;
  std::string points;
  for (const PlotPoint& point : line.points)
    points +=
        fmt::format("{}{:.1f},{:.1f}", points.empty() ? "" : " ", x.at(point.x), y.at(point.y));
  picture.add(R"(<polyline class="line" {} points="{}"><title>{}</title></polyline>)",
              stroke_of(series), points, escape_xml(line.name));
  for (const PlotPoint& point : line.points) {
    picture.add(
        R"(<circle cx="{:.1f}" cy="{:.1f}" r="3.2" fill="{}"><title>{}: {:g}, {:.6g}</title></circle>)",
        x.at(point.x), y.at(point.y), kColors[series % kColors.size()], escape_xml(line.name),
        point.x, point.y);
  }
}

// The lines of `panel` have their places in `names`.
void draw_panel(Picture& picture, double left, const ChartPanel& panel,
                const std::vector<std::string>& names) {
  const double bottom = kPanelTop + kPanelHeight;
  const double right = left + kPanelWidth;
  std::vector<Line> lines;
  for (size_t i = 0; i < names.size(); ++i)
    lines.push_back(
        {names[i], i < panel.lines.size() ? drawable(panel.lines[i]) : std::vector<PlotPoint>()});
  std::vector<double> xs;
  std::vector<double> ys;
  for (const Line& line : lines) {
    for (const PlotPoint& point : line.points) {
      xs.push_back(point.x);
      ys.push_back(point.y);
    }
  }
  picture.text(left, kPanelTop - 16, "title", panel.title);
  picture.text((left + right) / 2, bottom + 42, "label middle", panel.x_title);
  if (xs.empty()) {
    picture.add(
        R"(<rect class="grid" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" fill="none"/>)",
        left, kPanelTop, kPanelWidth, kPanelHeight);
    picture.text((left + right) / 2, (kPanelTop + bottom) / 2, "label middle", panel.empty);
    return;
  }
  const auto [x_low, x_high] = std::ranges::minmax(xs);
  const auto [y_low, y_high] = std::ranges::minmax(ys);
  const Axis x = log2_axis(x_low, x_high, left, right);
  const Axis y = panel.logarithmic ? log10_axis(y_low, y_high, bottom, kPanelTop)
                                   : linear_axis(y_high, bottom, kPanelTop);
  draw_axes(picture, x, y);
  for (size_t i = 0; i < lines.size(); ++i) draw_line(picture, x, y, lines[i], i);
}

// Columns of equal width below the panels, as many as the longest name leaves room for.
struct Legend {
  size_t columns = 1;
  size_t rows = 0;
  double column_width = 0;

  explicit Legend(const std::vector<std::string>& names) {
    constexpr double kLetter = 7.4;  // no letter of a name is much wider
    constexpr double kGap = 16;
    size_t longest = 0;
    for (const std::string& name : names) longest = std::max(longest, name.size());
    const double room = kWidth - kPanelLeft[0] - kMargin;
    const double entry = kLegendSample + kLetter * static_cast<double>(longest) + kGap;
    columns = static_cast<size_t>(std::clamp(std::floor(room / entry), 1.0, 5.0));
    rows = (names.size() + columns - 1) / columns;
    column_width = room / static_cast<double>(columns);
  }
};

void draw_legend(Picture& picture, double top, const Legend& legend,
                 const std::vector<std::string>& names) {
  for (size_t i = 0; i < names.size(); ++i) {
    const size_t column = i % legend.columns;
    const size_t row = i / legend.columns;
    const double x = kPanelLeft[0] + static_cast<double>(column) * legend.column_width;
    const double y = top + static_cast<double>(row) * kLegendRow;
    picture.add(R"(<path class="line" {} d="M{:.1f} {:.1f}h30"/>)", stroke_of(i), x, y - 4);
    picture.add(R"(<circle cx="{:.1f}" cy="{:.1f}" r="3.2" fill="{}"/>)", x + 15, y - 4,
                kColors[i % kColors.size()]);
    picture.text(x + kLegendSample, y, "label", names[i]);
  }
}

constexpr std::string_view kStyle =
    "<style>"
    "text{font-family:\"Segoe UI\",\"Helvetica Neue\",Helvetica,Arial,sans-serif;fill:#24292f}"
    ".head{font-size:18px;font-weight:600}"
    ".title{font-size:14px;font-weight:600}"
    ".label{font-size:13px}"
    ".tick{font-size:12px;fill:#57606a}"
    ".middle{text-anchor:middle}"
    ".end{text-anchor:end}"
    ".grid{stroke:#e4e7eb;stroke-width:1}"
    ".axis{stroke:#8c959f;stroke-width:1.2;fill:none}"
    ".line{stroke-width:2.2;fill:none;stroke-linejoin:round;stroke-linecap:round}"
    "</style>";

}  // namespace

std::string escape_xml(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default:
        escaped += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
    }
  }
  return escaped;
}

std::string draw_chart(const Chart& chart) {
  const Legend legend(chart.names);
  const double legend_top = kPanelTop + kPanelHeight + 78;
  const double height = legend_top + static_cast<double>(legend.rows) * kLegendRow;

  Picture picture;
  picture.add(R"(<svg xmlns="http://www.w3.org/2000/svg" width="{0:.0f}" height="{1:.0f}" )"
              R"(viewBox="0 0 {0:.0f} {1:.0f}" role="img">)",
              kWidth, height);
  picture.add("<title>{}</title>", escape_xml(chart.title));
  picture.add("{}", kStyle);
  picture.add(R"(<rect width="100%" height="100%" fill="#ffffff"/>)");
  picture.text(kMargin, 36, "head", chart.title);
  picture.text(kMargin, 58, "tick", chart.subtitle);
  for (size_t i = 0; i < chart.panels.size(); ++i)
    draw_panel(picture, kPanelLeft[i], chart.panels[i], chart.names);
  draw_legend(picture, legend_top, legend, chart.names);
  picture.add("</svg>");
  return picture.take();
}

}  // namespace neso
