// SPDX-License-Identifier: Apache-2.0
// What one model version has done, as Triton counts it (statistics and nv_* metrics), and the one
// guard per request through which everything is counted. Counters are up to date before a request
// is answered.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/thread_annotations.h"
#include "scheduling/model_metrics.h"
#include "scheduling/model_statistics.h"
#include "trace/trace.h"

namespace neso {

FailureReason failure_reason(ErrorCode code);

// Any thread.
class StatisticsRecorder {
 public:
  StatisticsRecorder(std::string model, int64_t version, const ModelMetricOptions& options,
                     MetricRegistry& metrics, const Clock& clock);

  void count_execution(const Execution& execution) EXCLUDES(mutex_);
  void count_success(const RequestDurations& durations, size_t rows) EXCLUDES(mutex_);
  void count_failure(FailureReason reason, uint64_t total_ns) EXCLUDES(mutex_);
  // A success out of the response cache: nothing was computed.
  void count_cache_hit(const RequestDurations& durations, uint64_t lookup_ns) EXCLUDES(mutex_);
  // Of a request that was then computed: the time of looking it up and of keeping it.
  void count_cache_miss(uint64_t ns) EXCLUDES(mutex_);
  void add_pending(int delta) { metrics_.add_pending(delta); }
  void add_tokens(size_t tokens) { metrics_.add_tokens(tokens); }
  void add_truncated_texts(size_t texts) { metrics_.add_truncated_texts(texts); }
  void set_load_seconds(double seconds) { metrics_.set_load_seconds(seconds); }

  ModelStatistics snapshot() const EXCLUDES(mutex_);
  const Clock& clock() const { return clock_; }
  const std::string& model() const { return model_; }

 private:
  const Clock& clock_;
  const std::string model_;
  ModelMetrics metrics_;

  mutable Mutex mutex_;
  ModelStatistics totals_ GUARDED_BY(mutex_);  // without batches
  std::map<uint64_t, BatchStatistic> batches_ GUARDED_BY(mutex_);
};

// One request from its acceptance to its answer. Nothing counts before queued(); from then on
// exactly one success or failure does, the destructor's included. Any thread.
class RequestScope {
 public:
  explicit RequestScope(std::shared_ptr<StatisticsRecorder> recorder,
                        std::shared_ptr<Trace> trace = nullptr);
  ~RequestScope();
  RequestScope(const RequestScope&) = delete;
  RequestScope& operator=(const RequestScope&) = delete;

  void queued() EXCLUDES(mutex_);  // again: nothing
  // A part of it has left the queue: to run, or because it will not.
  void left_queue(int64_t now_ns) EXCLUDES(mutex_);
  // A part of it ran in this execution.
  void ran(const Execution& execution) EXCLUDES(mutex_);
  void succeed(size_t rows) EXCLUDES(mutex_);
  void succeed_from_cache(uint64_t lookup_ns) EXCLUDES(mutex_);
  void fail(FailureReason reason) EXCLUDES(mutex_);

 private:
  const std::shared_ptr<StatisticsRecorder> recorder_;
  const std::shared_ptr<Trace> trace_;  // null: the request is not traced
  const int64_t start_ns_;
  Mutex mutex_;
  bool finished_ GUARDED_BY(mutex_) = false;
  std::optional<int64_t> queued_ns_ GUARDED_BY(mutex_);
  std::optional<int64_t> left_queue_ns_ GUARDED_BY(mutex_);
  std::vector<uint64_t> executions_ GUARDED_BY(mutex_);  // counted ids
  RequestDurations durations_ GUARDED_BY(mutex_);
};

}  // namespace neso
