// SPDX-License-Identifier: Apache-2.0
// A Batcher, one mutex, and a thread for each engine. A free engine pulls what waits; none ever
// idles while there is work. Every job is completed exactly once: answered, expired, cancelled,
// failed alone, or refused.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/thread_annotations.h"
#include "checkpoint/pooling_spec.h"
#include "engine/engine.h"
#include "serving/batcher.h"
#include "serving/failure_log.h"
#include "serving/job.h"
#include "serving/statistics.h"

namespace neso {

struct SchedulerOptions {
  BatchLimits limits = {};
  size_t max_queued_cost = size_t{1} << 24;  // tokens that may wait; more is Overloaded
  PoolingSpec pooling = {};
  bool engine_pads = false;  // see job_group
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
  // completed here with NotReady (stopping), Overloaded (the queue is full) or TooLarge (it can
  // never fit). Any thread. Completions run on an engine's thread.
  void submit(std::vector<Job> jobs) EXCLUDES(mutex_);

  // Refuses new work, finishes what waits, then joins the threads. Any thread that is not an
  // engine's.
  void stop() EXCLUDES(mutex_);

 private:
  Scheduler(const SchedulerOptions& options, std::shared_ptr<StatisticsRecorder> recorder);
  using Jobs = std::map<uint64_t, Job>;  // by item id, so by arrival
  struct Pulled {
    Jobs batch;
    Jobs expired;
  };
  std::optional<Error> enqueue(std::vector<Job>& jobs) EXCLUDES(mutex_);
  std::optional<Pulled> pull() EXCLUDES(mutex_);
  Jobs release(const std::vector<uint64_t>& ids) REQUIRES(mutex_);
  void work(Engine& engine);
  void serve(Engine& engine, Pulled pulled);
  void run(Engine& engine, std::span<Job> jobs);

  const SchedulerOptions options_;
  const std::shared_ptr<StatisticsRecorder> recorder_;
  const Clock& clock_;
  std::vector<std::unique_ptr<Engine>> engines_;  // constant after start
  std::atomic<uint64_t> executions_ = 0;
  FailureLog failures_;

  Mutex mutex_;
  std::condition_variable wake_;
  Batcher batcher_ GUARDED_BY(mutex_);
  Jobs jobs_ GUARDED_BY(mutex_);  // that wait
  uint64_t next_id_ GUARDED_BY(mutex_) = 1;
  bool stopping_ GUARDED_BY(mutex_) = false;
  Mutex stop_mutex_;  // held by whoever joins
  std::vector<std::thread> threads_ GUARDED_BY(stop_mutex_);
};

}  // namespace neso
