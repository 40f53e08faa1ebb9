// SPDX-License-Identifier: Apache-2.0
// A JobQueue, one mutex, and a thread for each engine. A free engine pulls what waits; none ever
// idles while there is work, unless it has to wait for resources (rate_limiter.h). Whoever submits
// may borrow a free engine, and run quick work himself. Every job is
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
#include "scheduling/run_times.h"
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
  // Of the engines' threads, in their order; none, or none at all: any core.
  std::vector<std::vector<int>> cores = {};
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

  // Which threads may run the jobs. Borrowed: also the caller's, as long as runs of this model take
  // no longer than handing them over; completions, of others' jobs too, then run before submit()
  // returns, so no lock may be held.
  enum class On { EnginesThread, Borrowed };
  // Queues all the jobs of one request (they share a scope), or none: then each of them is
  // completed here with NotReady (stopping), Overloaded (the queue is full, or the answer would
  // come after the deadline) or TooLarge (it can never fit). Any thread.
  void submit(std::vector<Job> jobs, On on = On::EnginesThread) EXCLUDES(mutex_);

  // Refuses new work, finishes what waits, then joins the threads. Any thread that does not run
  // one of the jobs.
  void stop() EXCLUDES(mutex_);

 private:
  Scheduler(const SchedulerOptions& options, std::shared_ptr<StatisticsRecorder> recorder);
  // Work, and the engine that was taken for it.
  struct Turn {
    size_t engine = 0;
    JobQueue::Pulled pulled;
  };
  struct Entered {
    std::optional<Refusal> refusal;
    std::optional<Turn> loan;  // for the caller to run
    enum class Wake { None, One, All } wake = Wake::None;
  };
  JobQueue::Engines engines() const REQUIRES(mutex_);
  Entered enqueue(std::vector<Job>& jobs, On on) EXCLUDES(mutex_);
  Entered::Wake whom_to_wake(size_t jobs) const REQUIRES(mutex_);
  void show_queue() const REQUIRES(mutex_);
  void watch_deadlines() REQUIRES(mutex_);
  std::optional<int64_t> expire(int64_t now_ns) EXCLUDES(mutex_);
  Turn take(size_t engine) REQUIRES(mutex_);
  std::optional<Turn> lend(On on) REQUIRES(mutex_);
  void run_on_loan(Turn turn) EXCLUDES(mutex_);
  std::optional<Turn> pull(size_t engine) EXCLUDES(mutex_);
  void bind(size_t engine) const;
  void work(size_t engine);
  bool wait_for_work() EXCLUDES(mutex_);
  void work_in_turns(size_t engine, RateSeat& seat);
  void serve(Turn turn) noexcept EXCLUDES(mutex_);
  int64_t answer(Turn& turn, int64_t start_ns);
  int64_t run(Engine& engine, std::span<Job> jobs);

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
  RunTimes run_times_ GUARDED_BY(mutex_);
  std::vector<bool> busy_ GUARDED_BY(mutex_);  // engines, in their order
  size_t loans_ GUARDED_BY(mutex_) = 0;
  int64_t ran_ns_ GUARDED_BY(mutex_) = 0;  // when the last batch ended
  size_t running_cost_ GUARDED_BY(mutex_) = 0;
  bool stopping_ GUARDED_BY(mutex_) = false;
  int64_t watched_ns_ GUARDED_BY(mutex_);            // the deadline that the watch knows of
  std::unique_ptr<DeadlineWatch::Watched> watched_;  // constant after start; ends before the rest
  Mutex stop_mutex_;                                 // held by whoever joins
  std::vector<std::thread> threads_ GUARDED_BY(stop_mutex_);
};

}  // namespace neso
