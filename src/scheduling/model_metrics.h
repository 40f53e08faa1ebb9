// SPDX-License-Identifier: Apache-2.0
// The metrics of one model version: Triton's nv_* families, with its labels and units, and what
// only neso knows (neso_*).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/metric_histogram.h"
#include "base/metric_summary.h"
#include "base/metrics.h"
#include "config/model_config.h"

namespace neso {

// Why a request that had been queued failed: waited too long, client gone, the engine (also when it
// was the inputs that it could not compute with), anything else. As in Triton, what is refused
// before the queue counts nowhere, whoever finds the mistake.
enum class FailureReason { Rejected, Canceled, Backend, Other };

// One call of an engine, on Clock::now_ns.
struct Execution {
  uint64_t id = 0;  // unique within a model version
  size_t rows = 0;
  size_t tokens = 0;            // of an encoder's batch
  size_t padded_tokens = 0;     // if every sequence were as long as the longest
  int64_t start_ns = 0;         // gathering inputs begins
  int64_t input_end_ns = 0;     // the engine begins
  int64_t output_start_ns = 0;  // the engine is done
  int64_t end_ns = 0;           // outputs are apart again
};

// Durations of one request that went well.
struct RequestDurations {
  uint64_t total_ns = 0;
  uint64_t queue_ns = 0;
  uint64_t compute_input_ns = 0;  // whole batches' spans, as Triton counts them
  uint64_t compute_infer_ns = 0;
  uint64_t compute_output_ns = 0;
};

inline constexpr std::string_view kFirstResponseHistogram =
    "nv_inference_first_response_histogram_ms";

// What a model's config says about its metrics.
struct ModelMetricOptions {
  std::map<std::string, std::string> tags = {};             // one label each, "_" before the name
  std::map<std::string, std::vector<double>> buckets = {};  // of histograms, by family
};
ModelMetricOptions metric_options(const ModelConfig& config);
// What every series of a model version carries.
MetricLabels model_labels(std::string_view model, int64_t version,
                          const ModelMetricOptions& options);

// Any thread.
class ModelMetrics {
 public:
  // `metrics` and `clock` outlive it. Every family of the registry's settings is there from the
  // start, at zero, and goes with this; but the failures, which stay and go on counting when the
  // model comes back (Triton's).
  ModelMetrics(std::string_view model, int64_t version, const ModelMetricOptions& options,
               MetricRegistry& metrics, const Clock& clock);

  void count_execution(const Execution& execution);
  void count_success(const RequestDurations& durations, uint64_t inferences);
  // A success that was not computed: only how long it took and waited is added.
  void count_cache_hit(const RequestDurations& durations);
  void count_failure(FailureReason reason);
  void add_pending(int delta) { pending_->add(delta); }
  void add_tokens(size_t tokens) { tokens_->add(static_cast<double>(tokens)); }
  void add_truncated_texts(size_t texts) { truncated_texts_->add(static_cast<double>(texts)); }
  void set_load_seconds(double seconds) { load_seconds_->set(seconds); }

 private:
  using Series = std::shared_ptr<Metric>;
  // One of a request's five durations.
  struct Duration {
    uint64_t RequestDurations::* of;
    bool of_hits;                            // those of the response cache have it, too
    Series counter;                          // null: --metrics-config=counter_latencies=false
    std::shared_ptr<SummaryMetric> summary;  // null unless summary_latencies=true
  };
  void add(const RequestDurations& durations, bool hit);
  void add_durations(const MetricLabels& labels, MetricRegistry& metrics, const Clock& clock);
  void add_encoder_families(const MetricLabels& labels, MetricRegistry& metrics);

  Series success_, inferences_, executions_;
  std::array<Series, 4> failures_;  // by FailureReason
  std::vector<Duration> durations_;
  std::shared_ptr<HistogramMetric> first_response_;  // null unless histogram_latencies=true
  Series pending_, load_seconds_;
  Series tokens_, truncated_texts_, padding_avoided_, busy_seconds_;
  std::shared_ptr<HistogramMetric> batch_rows_, batch_tokens_;
};

}  // namespace neso
