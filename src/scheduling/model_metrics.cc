// SPDX-License-Identifier: Apache-2.0
// Families, labels and help are Triton's (triton-inference-server/core, src/metrics.cc).
#include "scheduling/model_metrics.h"

#include <algorithm>
#include <utility>

#include "base/cut_text.h"
#include "base/log.h"

namespace neso {
namespace {

constexpr std::array<std::string_view, 4> kReasonLabels = {"REJECTED", "CANCELED", "BACKEND",
                                                           "OTHER"};

struct DurationFamily {
  uint64_t RequestDurations::* of;
  std::string_view name;  // "nv_inference_NAME_duration_us", "..._summary_us"
  std::string_view counter_help;
  std::string_view summary_help;
};
constexpr DurationFamily kDurations[] = {
    {&RequestDurations::total_ns, "request",
     "Cumulative inference request duration in microseconds (includes cached requests)",
     "Summary of inference request duration in microseconds (includes cached requests)"},
    {&RequestDurations::queue_ns, "queue",
     "Cumulative inference queuing duration in microseconds (includes cached requests)",
     "Summary of inference queuing duration in microseconds (includes cached requests)"},
    {&RequestDurations::compute_input_ns, "compute_input",
     "Cumulative compute input duration in microseconds (does not include cached requests)",
     "Cumulative compute input duration in microseconds (does not include cached requests)"},
    {&RequestDurations::compute_infer_ns, "compute_infer",
     "Cumulative compute inference duration in microseconds (does not include cached requests)",
     "Cumulative compute inference duration in microseconds (does not include cached requests)"},
    {&RequestDurations::compute_output_ns, "compute_output",
     "Cumulative inference compute output duration in microseconds (does not include cached "
     "requests)",
     "Cumulative inference compute output duration in microseconds (does not include cached "
     "requests)"},
};

// Triton's default buckets.
const std::vector<double> kFirstResponseBucketsMs = {100, 500, 2000, 5000};

std::vector<double> powers_of_two(double first, double last) {
  std::vector<double> bounds;
  for (double bound = first; bound <= last; bound *= 2) bounds.push_back(bound);
  return bounds;
}

}  // namespace

ModelMetricOptions metric_options(const ModelConfig& config) {
  for (const auto& [family, buckets] : config.histogram_buckets) {
    if (family != kFirstResponseHistogram) {
      log_warning("model '{}': model_metrics names '{}', which has no buckets to choose; {} has",
                  config.name, cut_text(family, 64), kFirstResponseHistogram);
    }
  }
  return {.tags = config.metric_tags, .buckets = config.histogram_buckets};
}

MetricLabels model_labels(std::string_view model, int64_t version,
                          const ModelMetricOptions& options) {
  MetricLabels labels = {{"model", std::string(model)}, {"version", std::to_string(version)}};
  for (const auto& [tag, value] : options.tags) labels.emplace_back("_" + tag, value);
  return labels;
}

ModelMetrics::ModelMetrics(std::string_view model, int64_t version,
                           const ModelMetricOptions& options, MetricRegistry& metrics,
                           const Clock& clock) {
  const MetricLabels labels = model_labels(model, version, options);
  const auto series = [&](std::string_view family, MetricKind kind, std::string_view help) {
    return metrics.series(family, kind, help, labels);
  };
  success_ = series("nv_inference_request_success", MetricKind::Counter,
                    "Number of successful inference requests, all batch sizes");
  for (size_t reason = 0; reason < failures_.size(); ++reason) {
    MetricLabels with_reason = labels;
    with_reason.emplace_back("reason", kReasonLabels[reason]);
    failures_[reason] = metrics.lasting_series(
        "nv_inference_request_failure", MetricKind::Counter,
        "Number of failed inference requests, all batch sizes", std::move(with_reason));
  }
  inferences_ = series("nv_inference_count", MetricKind::Counter,
                       "Number of inferences performed (does not include cached requests)");
  executions_ = series("nv_inference_exec_count", MetricKind::Counter,
                       "Number of model executions performed (does not include cached requests)");
  pending_ = series("nv_inference_pending_request_count", MetricKind::Gauge,
                    "Instantaneous number of pending requests awaiting execution per-model.");
  load_seconds_ =
      series("nv_model_load_duration_secs", MetricKind::Gauge, "Model load time in seconds");
  add_durations(labels, metrics, clock);
  if (metrics.settings().histogram_latencies) {
    const auto own = options.buckets.find(std::string(kFirstResponseHistogram));
    first_response_ = metrics.histogram(
        kFirstResponseHistogram, "Duration from request to first response in milliseconds", labels,
        own == options.buckets.end() || own->second.empty() ? kFirstResponseBucketsMs
                                                            : own->second);
  }
  add_encoder_families(labels, metrics);
}

void ModelMetrics::add_durations(const MetricLabels& labels, MetricRegistry& metrics,
                                 const Clock& clock) {
  for (const DurationFamily& family : kDurations) {
    const bool of_hits =
        family.of == &RequestDurations::total_ns || family.of == &RequestDurations::queue_ns;
    Duration duration{.of = family.of, .of_hits = of_hits, .counter = nullptr, .summary = nullptr};
    const std::string prefix = "nv_inference_" + std::string(family.name);
    if (metrics.settings().counter_latencies) {
      duration.counter =
          metrics.series(prefix + "_duration_us", MetricKind::Counter, family.counter_help, labels);
    }
    if (metrics.settings().summary_latencies)
      duration.summary =
          metrics.summary(prefix + "_summary_us", family.summary_help, labels, clock);
    durations_.push_back(std::move(duration));
  }
}

void ModelMetrics::add_encoder_families(const MetricLabels& labels, MetricRegistry& metrics) {
  const auto counter = [&](std::string_view family, std::string_view help) {
    return metrics.series(family, MetricKind::Counter, help, labels);
  };
  tokens_ = counter("neso_tokens_total", "Tokens that went through an encoder");
  truncated_texts_ =
      counter("neso_truncated_texts_total", "Texts that were cut to the model's token limit");
  padding_avoided_ = counter("neso_padding_tokens_avoided_total",
                             "Tokens by which padding every text of a batch to its longest would "
                             "have made the batches larger");
  busy_seconds_ = counter("neso_engine_busy_seconds_total",
                          "Seconds that the model's engines computed; its rate, divided by the "
                          "number of instances, is their busy share");
  batch_rows_ = metrics.histogram("neso_batch_rows", "Texts or rows that an execution took", labels,
                                  powers_of_two(1, 1024));
  batch_tokens_ = metrics.histogram("neso_batch_tokens", "Tokens that an execution took", labels,
                                    powers_of_two(16, 65536));
}

void ModelMetrics::count_execution(const Execution& execution) {
  executions_->add(1);
  batch_rows_->observe(static_cast<double>(std::max<size_t>(1, execution.rows)));
  busy_seconds_->add(
      static_cast<double>(std::max<int64_t>(0, execution.end_ns - execution.start_ns)) / 1e9);
  if (execution.tokens == 0) return;
  batch_tokens_->observe(static_cast<double>(execution.tokens));
  if (execution.padded_tokens > execution.tokens)
    padding_avoided_->add(static_cast<double>(execution.padded_tokens - execution.tokens));
}

void ModelMetrics::count_success(const RequestDurations& durations, uint64_t inferences) {
  success_->add(1);
  inferences_->add(static_cast<double>(inferences));
  add(durations, false);
}

void ModelMetrics::count_cache_hit(const RequestDurations& durations) {
  success_->add(1);
  add(durations, true);
}

void ModelMetrics::add(const RequestDurations& durations, bool hit) {
  for (const Duration& duration : durations_) {
    if (hit && !duration.of_hits) continue;
    // Triton truncates each request's microseconds before it adds them.
    const uint64_t us = durations.*duration.of / 1000;
    if (duration.counter) duration.counter->add(static_cast<double>(us));
    if (duration.summary) duration.summary->observe(static_cast<int64_t>(us));
  }
  if (first_response_) first_response_->observe(static_cast<double>(durations.total_ns) / 1e6);
}

void ModelMetrics::count_failure(FailureReason reason) {
  failures_[static_cast<size_t>(reason)]->add(1);
}

}  // namespace neso
