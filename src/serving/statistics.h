// SPDX-License-Identifier: Apache-2.0
// What one model version has done, as Triton counts it (statistics and nv_* metrics), and the one
// guard per request through which everything is counted. Counters are up to date before a request
// is answered.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/result.h"
#include "base/thread_annotations.h"
#include "serving/requests.h"

namespace neso {

// Why a request that had been queued failed: waited too long, client gone, the engine (also when it
// was the inputs that it could not compute with), anything else. As in Triton, what is refused
// before the queue counts nowhere, whoever finds the mistake.
enum class FailureReason { Rejected, Canceled, Backend, Other };
FailureReason failure_reason(ErrorCode code);

// One call of an engine, on Clock::now_ns.
struct Execution {
  uint64_t id = 0;  // unique within a model version
  size_t rows = 0;
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

// Any thread.
class StatisticsRecorder {
 public:
  StatisticsRecorder(std::string model, int64_t version,
                     const std::map<std::string, std::string>& metric_tags, MetricRegistry& metrics,
                     const Clock& clock);

  void count_execution(const Execution& execution) EXCLUDES(mutex_);
  void count_success(const RequestDurations& durations, size_t rows) EXCLUDES(mutex_);
  void count_failure(FailureReason reason, uint64_t total_ns) EXCLUDES(mutex_);
  void add_pending(int delta) { pending_->add(delta); }
  void add_tokens(size_t tokens) { tokens_->add(static_cast<double>(tokens)); }
  void add_truncated_texts(size_t texts) { truncated_texts_->add(static_cast<double>(texts)); }
  void set_load_seconds(double seconds) { load_seconds_->set(seconds); }

  ModelStatistics snapshot() const EXCLUDES(mutex_);
  const Clock& clock() const { return clock_; }
  const std::string& model() const { return model_; }

 private:
  using Series = std::shared_ptr<Metric>;
  const Clock& clock_;
  const std::string model_;
  Series success_, inferences_, executions_, request_us_, queue_us_, input_us_, infer_us_,
      output_us_;
  Series pending_, load_seconds_, tokens_, truncated_texts_;
  std::array<Series, 4> failures_;  // by FailureReason

  mutable Mutex mutex_;
  ModelStatistics totals_ GUARDED_BY(mutex_);  // without batches
  std::map<uint64_t, BatchStatistic> batches_ GUARDED_BY(mutex_);
};

// One request from its acceptance to its answer. Nothing counts before queued(); from then on
// exactly one success or failure does, the destructor's included. Any thread.
class RequestScope {
 public:
  explicit RequestScope(std::shared_ptr<StatisticsRecorder> recorder);
  ~RequestScope();
  RequestScope(const RequestScope&) = delete;
  RequestScope& operator=(const RequestScope&) = delete;

  void queued() EXCLUDES(mutex_);  // again: nothing
  // A part of it has left the queue: to run, or because it will not.
  void left_queue(int64_t now_ns) EXCLUDES(mutex_);
  // A part of it ran in this execution.
  void ran(const Execution& execution) EXCLUDES(mutex_);
  void succeed(size_t rows) EXCLUDES(mutex_);
  void fail(FailureReason reason) EXCLUDES(mutex_);

 private:
  const std::shared_ptr<StatisticsRecorder> recorder_;
  const int64_t start_ns_;
  Mutex mutex_;
  bool finished_ GUARDED_BY(mutex_) = false;
  std::optional<int64_t> queued_ns_ GUARDED_BY(mutex_);
  std::optional<int64_t> left_queue_ns_ GUARDED_BY(mutex_);
  std::vector<uint64_t> executions_ GUARDED_BY(mutex_);  // counted ids
  RequestDurations durations_ GUARDED_BY(mutex_);
};

}  // namespace neso
