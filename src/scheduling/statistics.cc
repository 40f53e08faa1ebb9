// SPDX-License-Identifier: Apache-2.0
#include "scheduling/statistics.h"

#include <algorithm>
#include <utility>

namespace neso {
namespace {

uint64_t span_ns(int64_t from, int64_t to) {
  return to > from ? static_cast<uint64_t>(to - from) : 0;
}

void add(DurationStatistic& statistic, uint64_t ns) {
  ++statistic.count;
  statistic.ns += ns;
}

}  // namespace

FailureReason failure_reason(ErrorCode code) {
  switch (code) {
    case ErrorCode::DeadlineExceeded:
    case ErrorCode::Overloaded:
      return FailureReason::Rejected;
    case ErrorCode::Cancelled:
      return FailureReason::Canceled;
    case ErrorCode::NotReady:
    case ErrorCode::NotFound:
      return FailureReason::Other;
    default:
      return FailureReason::Backend;
  }
}

StatisticsRecorder::StatisticsRecorder(std::string model, int64_t version,
                                       const ModelMetricOptions& options, MetricRegistry& metrics,
                                       const Clock& clock)
    : clock_(clock), model_(std::move(model)), metrics_(model_, version, options, metrics, clock) {
  totals_.name = model_;
  totals_.version = version;
}

void StatisticsRecorder::count_execution(const Execution& execution) {
  metrics_.count_execution(execution);
  MutexLock lock(mutex_);
  ++totals_.execution_count;
  totals_.last_inference_ms = static_cast<uint64_t>(clock_.wall_us() / 1000);
  const uint64_t rows = std::max<size_t>(1, execution.rows);
  BatchStatistic& batch = batches_[rows];
  batch.batch_size = rows;
  add(batch.compute_input, span_ns(execution.start_ns, execution.input_end_ns));
  add(batch.compute_infer, span_ns(execution.input_end_ns, execution.output_start_ns));
  add(batch.compute_output, span_ns(execution.output_start_ns, execution.end_ns));
}

void StatisticsRecorder::count_success(const RequestDurations& durations, size_t rows) {
  const uint64_t inferences = std::max<size_t>(1, rows);
  metrics_.count_success(durations, inferences);
  MutexLock lock(mutex_);
  totals_.inference_count += inferences;
  add(totals_.success, durations.total_ns);
  add(totals_.queue, durations.queue_ns);
  add(totals_.compute_input, durations.compute_input_ns);
  add(totals_.compute_infer, durations.compute_infer_ns);
  add(totals_.compute_output, durations.compute_output_ns);
}

void StatisticsRecorder::count_failure(FailureReason reason, uint64_t total_ns) {
  metrics_.count_failure(reason);
  MutexLock lock(mutex_);
  add(totals_.fail, total_ns);
}

void StatisticsRecorder::count_cache_hit(const RequestDurations& durations, uint64_t lookup_ns) {
  metrics_.count_cache_hit(durations);
  MutexLock lock(mutex_);
  add(totals_.success, durations.total_ns);
  add(totals_.queue, durations.queue_ns);
  add(totals_.cache_hit, lookup_ns);
}

void StatisticsRecorder::count_cache_miss(uint64_t ns) {
  MutexLock lock(mutex_);
  add(totals_.cache_miss, ns);
}

ModelStatistics StatisticsRecorder::snapshot() const {
  MutexLock lock(mutex_);
  ModelStatistics statistics = totals_;
  for (const auto& [rows, batch] : batches_) statistics.batches.push_back(batch);
  return statistics;
}

RequestScope::RequestScope(std::shared_ptr<StatisticsRecorder> recorder,
                           std::shared_ptr<Trace> trace)
    : recorder_(std::move(recorder)),
      trace_(std::move(trace)),
      start_ns_(recorder_->clock().now_ns()) {}

RequestScope::~RequestScope() {
  fail(FailureReason::Other);
}

void RequestScope::queued() {
  MutexLock lock(mutex_);
  if (queued_ns_) return;
  queued_ns_ = recorder_->clock().now_ns();
  recorder_->add_pending(1);
  if (trace_) trace_->stamp(TraceEvent::QueueStart, *queued_ns_);
}

void RequestScope::left_queue(int64_t now_ns) {
  MutexLock lock(mutex_);
  if (!queued_ns_ || left_queue_ns_) return;
  left_queue_ns_ = now_ns;
  durations_.queue_ns = span_ns(*queued_ns_, now_ns);
  recorder_->add_pending(-1);
}

void RequestScope::ran(const Execution& execution) {
  MutexLock lock(mutex_);
  if (std::ranges::find(executions_, execution.id) != executions_.end()) return;
  executions_.push_back(execution.id);
  durations_.compute_input_ns += span_ns(execution.start_ns, execution.input_end_ns);
  durations_.compute_infer_ns += span_ns(execution.input_end_ns, execution.output_start_ns);
  durations_.compute_output_ns += span_ns(execution.output_start_ns, execution.end_ns);
  if (trace_) {
    trace_->computed(execution.start_ns, execution.input_end_ns, execution.output_start_ns,
                     execution.end_ns);
  }
}

void RequestScope::succeed(size_t rows) {
  MutexLock lock(mutex_);
  if (!queued_ns_ || std::exchange(finished_, true)) return;
  const int64_t now_ns = recorder_->clock().now_ns();
  durations_.total_ns = span_ns(start_ns_, now_ns);
  recorder_->count_success(durations_, rows);
  if (trace_) trace_->stamp(TraceEvent::RequestEnd, now_ns);
}

void RequestScope::succeed_from_cache(uint64_t lookup_ns) {
  MutexLock lock(mutex_);
  if (!queued_ns_ || std::exchange(finished_, true)) return;
  durations_.total_ns = span_ns(start_ns_, recorder_->clock().now_ns());
  recorder_->count_cache_hit(durations_, lookup_ns);
}

void RequestScope::fail(FailureReason reason) {
  MutexLock lock(mutex_);
  if (!queued_ns_ || std::exchange(finished_, true)) return;
  if (!left_queue_ns_) recorder_->add_pending(-1);
  const int64_t now_ns = recorder_->clock().now_ns();
  recorder_->count_failure(reason, span_ns(start_ns_, now_ns));
  if (trace_) trace_->stamp(TraceEvent::RequestEnd, now_ns);
}

}  // namespace neso
