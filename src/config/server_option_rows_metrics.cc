// SPDX-License-Identifier: Apache-2.0
// Options of the metrics port and of what it shows.
#include <fmt/format.h>

#include "base/error.h"
#include "config/server_option_forms.h"
#include "config/server_option_rows.h"

namespace neso {
namespace {

// "0.5:0.05,0.9:0.01": quantiles with the errors that they may have. Ours are exact to 1/128 of
// the value, so the errors are only checked.
Result<std::vector<double>> read_quantiles(std::string_view text) {
  std::vector<double> quantiles;
  while (true) {
    const size_t end = text.find(',');
    const std::string_view pair = text.substr(0, end);
    const size_t colon = pair.find(':');
    const auto quantile = read_float(pair.substr(0, colon), 0, 1);
    const bool error_fits =
        colon != std::string_view::npos && read_float(pair.substr(colon + 1), 0, 1).has_value();
    if (!quantile || !error_fits) {
      return invalid_argument(
          "--metrics-config option 'summary_quantiles' takes "
          "<quantile>:<error>[,<quantile>:<error>]..., both from 0 to 1. Got {}",
          pair);
    }
    quantiles.push_back(*quantile);
    if (end == std::string_view::npos) return quantiles;
    text.remove_prefix(end + 1);
  }
}

Result<> set_metrics_config(ServerOptions& o, std::string_view text) {
  const auto parts = split_named_setting(text);
  if (!parts || !parts->name.empty())
    return invalid_argument("--metrics-config option format is <setting>=<value>. Got {}", text);
  if (parts->setting == "summary_quantiles") {
    NESO_TRY(o.metrics.summary_quantiles, read_quantiles(parts->value));
    return {};
  }
  const auto set = [&](bool& target) -> Result<> {
    NESO_TRY(target, read_bool(parts->value));
    return {};
  };
  if (parts->setting == "counter_latencies") return set(o.metrics.counter_latencies);
  if (parts->setting == "histogram_latencies") return set(o.metrics.histogram_latencies);
  if (parts->setting == "summary_latencies") return set(o.metrics.summary_latencies);
  // Triton lets it pass; a typing error should not go unnoticed.
  o.notes.push_back(
      fmt::format("--metrics-config={} has no effect: the settings are counter_latencies, "
                  "histogram_latencies, summary_latencies and summary_quantiles",
                  text));
  return {};
}

}  // namespace

OptionSection metrics_section(ServerOptions& o) {
  OptionValue address = text_value(o.metrics_address);
  address.default_text = "that of --http-address";
  return {"Metrics",
          {{"allow-metrics", bool_value(o.allow_metrics), "Serve Prometheus metrics at /metrics."},
           {"allow-gpu-metrics", bool_value(o.allow_gpu_metrics),
            "Export metrics of the GPUs that NVIDIA's driver shows (nv_gpu_*)."},
           {"allow-cpu-metrics", bool_value(o.allow_cpu_metrics),
            "Export metrics of the machine's CPUs and memory (nv_cpu_*)."},
           {"metrics-address", std::move(address), "Address that the metrics server listens on."},
           {"metrics-port", integer_value(o.metrics_port, 0, kMaxPort),
            "Port of the metrics server; 0 takes any free one."},
           {"metrics-interval-ms", float_value(o.metrics_interval_ms, 1, 1e9),
            "Milliseconds over which the CPUs' utilization is measured, at least, and for which a "
            "reading of the GPUs stands; everything else is as of the reading."},
           {"metrics-config",
            {"<string>=<string>", "",
             [&o](std::string_view text) { return set_metrics_config(o, text); }},
            "counter_latencies=false leaves out durations, histogram_latencies=true and "
            "summary_latencies=true add histograms and summaries of them, "
            "summary_quantiles=<quantile>:<error>,... chooses their quantiles. May be given "
            "several times."}}};
}

}  // namespace neso
