// SPDX-License-Identifier: Apache-2.0
#include "app/load_report.h"

#include <fmt/format.h>

#include <array>
#include <string_view>
#include <utility>

#include "app/svg_chart.h"
#include "app/version.h"
#include "base/json_writer.h"

namespace neso {
namespace {

using load::Loop;
using load::StepFigures;

struct Percentile {
  std::string_view name;
  std::string_view json;
  double share;
};
constexpr std::array<Percentile, 4> kPercentiles = {{{"p50", "ms_p50", 0.5},
                                                     {"p90", "ms_p90", 0.9},
                                                     {"p99", "ms_p99", 0.99},
                                                     {"p99.9", "ms_p99_9", 0.999}}};

// A client that computes for this share of the time may be what is slow.
constexpr double kBusyClient = 0.9;

std::string_view load_name(Loop loop) {
  return loop == Loop::Closed ? "concurrency" : "rate";
}

double ms(int64_t ns) {
  return static_cast<double>(ns) * 1e-6;
}

double cpu_us_per_request(const StepFigures& step) {
  return *step.server.cpu_s * 1e6 / static_cast<double>(step.tally.finished);
}

bool has_server_cost(const StepFigures& step) {
  return step.server.cpu_s.has_value() && step.tally.finished > 0;
}

double megabytes(uint64_t bytes) {
  return static_cast<double>(bytes) / (1 << 20);
}

}  // namespace

std::string load_title(const LoadSubject& subject, size_t different_requests) {
  std::string title = fmt::format("{} over {}", subject.url, subject.api);
  if (!subject.server.empty()) title += fmt::format(", {} (pid {})", subject.server, subject.pid);
  return title + fmt::format("; model {}, {} row{} a request, {} different requests\n",
                             subject.model, subject.rows, subject.rows == 1 ? "" : "s",
                             different_requests);
}

std::string load_table_head() {
  return fmt::format(
      "{:<18} {:>10} {:>10} {:>9} {:>9} {:>9} {:>9} {:>9} {:>8} {:>10} {:>7} {:>6}\n", "load",
      "requests/s", "rows/s", "ms p50", "ms p90", "ms p99", "ms p99.9", "ms max", "errors",
      "cpu us/req", "RSS MiB", "client");
}

std::string load_table_line(const LoadSubject& subject, const StepFigures& step) {
  std::string line = fmt::format(
      "{:<18} {:>10.1f} {:>10.1f}", fmt::format("{} {:g}", load_name(step.loop), step.load),
      step.requests_per_s, step.requests_per_s * static_cast<double>(subject.rows));
  for (const Percentile& percentile : kPercentiles)
    line += fmt::format(" {:>9.3f}", ms(step.tally.latency.quantile_ns(percentile.share)));
  line += fmt::format(" {:>9.3f} {:>8}", ms(step.tally.latency.max_ns()), step.tally.error_count());
  if (has_server_cost(step)) {
    line += fmt::format(" {:>10.1f} {:>7.0f}", cpu_us_per_request(step),
                        megabytes(step.server.resident_bytes));
  } else {
    line += fmt::format(" {:>10} {:>7}", "", "");
  }
  line += fmt::format(" {:>4.0f} %\n", step.client_busy * 100);
  if (step.tally.error_count() > 0) line += fmt::format("  errors: {}\n", errors_text(step.tally));
  if (step.client_busy > kBusyClient)
    line +=
        "  a thread of the client was busy all the time, so it may be what was slow; raise "
        "--client-threads\n";
  return line;
}

std::string errors_text(const load::Tally& tally) {
  std::string text;
  for (const auto& [key, error] : tally.errors) {
    const auto& [kind, status] = key;
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", error.count, to_string(kind));
    if (kind == load::OutcomeKind::Status) text += fmt::format(" {}", status);
    if (!error.example.empty()) text += fmt::format(" ({})", error.example);
  }
  return text;
}

std::string load_json_line(const LoadSubject& subject, const StepFigures& step) {
  const load::Tally& tally = step.tally;
  JsonWriter writer;
  writer.begin_object();
  writer.key("url").string(subject.url);
  writer.key("api").string(subject.api);
  writer.key("model").string(subject.model);
  writer.key("binary").boolean(subject.binary);
  writer.key("rows_per_request").unsigned_integer(subject.rows);
  writer.key("loop").string(step.loop == Loop::Closed ? "closed" : "open");
  writer.key(load_name(step.loop)).number(step.load);
  writer.key("seconds").number(step.seconds);
  writer.key("requests").unsigned_integer(tally.requests());
  writer.key("requests_per_s").number(step.requests_per_s);
  writer.key("rows_per_s").number(step.requests_per_s * static_cast<double>(subject.rows));
  writer.key("ms_mean").number(tally.latency.mean_ns() * 1e-6);
  for (const Percentile& percentile : kPercentiles)
    writer.key(percentile.json).number(ms(tally.latency.quantile_ns(percentile.share)));
  writer.key("ms_max").number(ms(tally.latency.max_ns()));
  writer.key("errors").begin_array();
  for (const auto& [key, error] : tally.errors) {
    writer.begin_object();
    writer.key("kind").string(to_string(key.first));
    if (key.first == load::OutcomeKind::Status) writer.key("status").integer(key.second);
    writer.key("count").unsigned_integer(error.count);
    writer.key("example").string(error.example).end_object();
  }
  writer.end_array();
  if (has_server_cost(step)) {
    writer.key("server").begin_object();
    writer.key("program").string(subject.server);
    writer.key("pid").integer(subject.pid);
    writer.key("cpu_us_per_request").number(cpu_us_per_request(step));
    writer.key("resident_mib").number(megabytes(step.server.resident_bytes)).end_object();
  }
  writer.key("client_busy").number(step.client_busy);
  writer.key("neso").string(kVersion);
  writer.end_object();
  return std::move(writer).text() + "\n";
}

std::string knee_line(const load::Ramp& ramp, Loop loop) {
  const auto knee = ramp.knee();
  if (!knee) return fmt::format("no knee: {}\n", ramp.reason());
  return fmt::format("knee: {} {:g}, {:.1f} requests/s, p99 {:.3f} ms ({})\n", load_name(loop),
                     knee->load, knee->requests_per_s, knee->p99_ms, ramp.reason());
}

std::string knee_json_line(const load::Ramp& ramp, Loop loop) {
  JsonWriter writer;
  writer.begin_object().key("knee");
  if (const auto knee = ramp.knee()) {
    writer.begin_object();
    writer.key(load_name(loop)).number(knee->load);
    writer.key("requests_per_s").number(knee->requests_per_s);
    writer.key("ms_p99").number(knee->p99_ms).end_object();
  } else {
    writer.null();
  }
  writer.key("reason").string(ramp.reason()).end_object();
  return std::move(writer).text() + "\n";
}

std::string draw_load_plot(const LoadSubject& subject, const std::vector<StepFigures>& steps) {
  const bool closed = steps.empty() || steps.front().loop == Loop::Closed;
  const std::string x_title =
      closed ? "requests under way at once" : "requests per second that were due";
  Chart chart{.title = fmt::format("neso bench: {} over {}", subject.model, subject.api),
              .subtitle = fmt::format("{}, {}{} row{} a request", subject.url,
                                      subject.server.empty() ? "" : subject.server + ", ",
                                      subject.rows, subject.rows == 1 ? "" : "s"),
              .panels = {{{"Milliseconds per request", x_title, "no request was answered", true},
                          {"Requests per second", x_title, "no request was answered", false}}}};
  for (const Percentile& percentile : kPercentiles) {
    chart.names.emplace_back(percentile.name);
    auto& line = chart.panels[0].lines.emplace_back();
    for (const StepFigures& step : steps)
      line.push_back({step.load, ms(step.tally.latency.quantile_ns(percentile.share))});
  }
  chart.names.emplace_back("requests per second");
  chart.panels[1].lines.resize(chart.names.size());
  for (const StepFigures& step : steps)
    chart.panels[1].lines.back().push_back({step.load, step.requests_per_s});
  return draw_chart(chart);
}

}  // namespace neso
