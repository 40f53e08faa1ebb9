// SPDX-License-Identifier: Apache-2.0
// A JobQueue, one mutex, and a thread for each engine. A free engine pulls what waits; none ever
// idles while there is work, unless it has to wait for resources (rate_limiter.h). Every job is
// completed exactly once: answered, expired, cancelled, failed alone, or refused. What expires is
// found by the next pull, or by the server's DeadlineWatch, whichever comes first: a job leaves the
// queue under the mutex, and whoever took it out answers it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/thread_annotations.h"
#include "checkpoint/pooling_spec.h"
#include "engine/engine.h"
#include "scheduling/admission.h"
#include "scheduling/deadline_watch.h"
#include "scheduling/failure_log.h"
#include "scheduling/job.h"
#include "scheduling/job_queue.h"
#include "scheduling/rate_limiter.h"
#include "scheduling/result_cache.h"
#include "scheduling/statistics.h"

namespace neso {

struct SchedulerOptions {
  JobQueueOptions queue = {};
  PoolingSpec pooling = {};
  std::shared_ptr<Metric> joins = {};                // counts jobs that joined others; may be null
  std::shared_ptr<const QueueMetrics> metrics = {};  // of the queue; may be null
  std::shared_ptr<const ModelResults> results = {};  // of earlier requests; null: none are kept
  // Of the engines, in their order; null, or none at all: an engine runs as soon as it is free.
  std::vector<std::shared_ptr<RateSeat>> seats = {};
  // Outlives start(); null: what is late is answered when an engine is free.
  DeadlineWatch* deadlines = nullptr;
};

class Scheduler {
 public:
  // Starts a thread for each engine; fails with a sentence when the system refuses one. `engines`
  // is not empty.
  static Result<std::unique_ptr<Scheduler>> start(std::vector<std::unique_ptr<Engine>> engines,
                                                  const SchedulerOptions& options,
                                                  std::shared_ptr<StatisticsRecorder> recorder);
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  // Queues all the jobs of one request (they share a scope), or none: then each of them is
  // completed here with NotReady (stopping), Overloaded (the queue is full, or the answer would
  // come after the deadline) or TooLarge (it can never fit). Any thread. Completions run on an
  // engine's thread.
  void submit(std::vector<Job> jobs) EXCLUDES(mutex_);

  // Refuses new work, finishes what waits, then joins the threads. Any thread that is not an
  // engine's.
  void stop() EXCLUDES(mutex_);

 private:
  Scheduler(const SchedulerOptions& options, std::shared_ptr<StatisticsRecorder> recorder);
  JobQueue::Engines engines() const REQUIRES(mutex_);
  std::optional<Refusal> enqueue(std::vector<Job>& jobs) EXCLUDES(mutex_);
  void show_queue() const REQUIRES(mutex_);
  void watch_deadlines() REQUIRES(mutex_);
  std::optional<int64_t> expire(int64_t now_ns) EXCLUDES(mutex_);
  JobQueue::Pulled take() REQUIRES(mutex_);
  std::optional<JobQueue::Pulled> pull() EXCLUDES(mutex_);
  void work(Engine& engine);
  bool wait_for_work() EXCLUDES(mutex_);
  void work_in_turns(Engine& engine, RateSeat& seat);
  void serve(Engine& engine, JobQueue::Pulled pulled) EXCLUDES(mutex_);
  void run(Engine& engine, std::span<Job> jobs);

  const SchedulerOptions options_;
  const std::shared_ptr<StatisticsRecorder> recorder_;
  const Clock& clock_;
  std::vector<std::unique_ptr<Engine>> engines_;  // constant after start
  std::atomic<uint64_t> executions_ = 0;
  FailureLog failures_;

  Mutex mutex_;
  std::condition_variable wake_;
  JobQueue queue_ GUARDED_BY(mutex_);
  ServiceRate rate_ GUARDED_BY(mutex_);
  size_t running_cost_ GUARDED_BY(mutex_) = 0;
  bool stopping_ GUARDED_BY(mutex_) = false;
  int64_t watched_ns_ GUARDED_BY(mutex_);            // the deadline that the watch knows of
  std::unique_ptr<DeadlineWatch::Watched> watched_;  // constant after start; ends before the rest
  Mutex stop_mutex_;                                 // held by whoever joins
  std::vector<std::thread> threads_ GUARDED_BY(stop_mutex_);
};

}  // namespace neso
