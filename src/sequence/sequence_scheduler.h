// SPDX-License-Identifier: Apache-2.0
// Sequences over a Scheduler: whose turn it is goes to the engines, together with the control
// tensors and the states of its sequence; the states that come back are kept for its next request.
// One thread of its own sees to sequences that are idle, or wait, for too long.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <thread>

#include "base/result.h"
#include "base/thread_annotations.h"
#include "scheduling/scheduler.h"
#include "sequence/sequence_slots.h"
#include "sequence/sequence_tensors.h"

namespace neso {

// The limits of a completed config with that many engines.
SequenceLimits sequence_limits(const SequenceBatching& batching, size_t engines);

class SequenceScheduler {
 public:
  // `order`: answers leave in the order in which their requests had their turn; null: when they are
  // there. That is not the order of arrival: who waits in the backlog must not hold up those whose
  // sequences have to end first.
  static Result<std::unique_ptr<SequenceScheduler>> start(
      SequenceTensors tensors, SequenceLimits limits, std::unique_ptr<Scheduler> scheduler,
      std::shared_ptr<StatisticsRecorder> recorder, std::shared_ptr<AnswerOrder> order = nullptr);
  ~SequenceScheduler();
  SequenceScheduler(const SequenceScheduler&) = delete;
  SequenceScheduler& operator=(const SequenceScheduler&) = delete;

  // One request, with a TensorWork of one row. Its completion gets the wanted outputs. What has
  // neither an id nor a sequence that was started is refused in Triton's words. Any thread.
  void submit(Job job, SequenceStep step) EXCLUDES(mutex_);

  // Refuses new work and runs what was accepted; sequences that have not ended end with it. Any
  // thread that is not an engine's.
  void stop() EXCLUDES(mutex_);

 private:
  SequenceScheduler(SequenceTensors tensors, SequenceLimits limits,
                    std::unique_ptr<Scheduler> scheduler,
                    std::shared_ptr<StatisticsRecorder> recorder,
                    std::shared_ptr<AnswerOrder> order);
  struct Waiting {
    Job job;
    SequenceStep step;
  };
  Result<> enqueue(Job& job, SequenceStep step) EXCLUDES(mutex_);
  Waiting release(uint64_t request) EXCLUDES(mutex_);
  void advance() EXCLUDES(mutex_);
  void dispatch(const SequenceSlots::Taken& due) EXCLUDES(mutex_);
  Job prepare(Waiting& waiting, const SequenceSlots::Turn& turn);
  void refuse(Waiting waiting, Error error);
  void end_turn(uint64_t sequence, bool gone) EXCLUDES(mutex_);
  void watch() EXCLUDES(mutex_);

  const SequenceTensors tensors_;
  const std::shared_ptr<StatisticsRecorder> recorder_;
  const Clock& clock_;
  const std::unique_ptr<Scheduler> scheduler_;
  const std::shared_ptr<AnswerOrder> order_;

  Mutex mutex_;
  std::condition_variable changed_;  // for watch() and stop()
  SequenceSlots slots_ GUARDED_BY(mutex_);
  std::map<uint64_t, Waiting> waiting_ GUARDED_BY(mutex_);  // by the id that slots_ knows
  uint64_t next_id_ GUARDED_BY(mutex_) = 1;
  bool advancing_ GUARDED_BY(mutex_) = false;  // one thread does it at a time,
  bool again_ GUARDED_BY(mutex_) = false;      // and does it again for the others
  int64_t wake_ns_ GUARDED_BY(mutex_) = 0;     // when watch() looks again
  bool stopping_ GUARDED_BY(mutex_) = false;
  Mutex stop_mutex_;  // held by whoever joins
  std::thread watcher_ GUARDED_BY(stop_mutex_);
};

}  // namespace neso
