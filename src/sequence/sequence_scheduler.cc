// SPDX-License-Identifier: Apache-2.0
#include "sequence/sequence_scheduler.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <new>
#include <system_error>

#include "base/contain.h"
#include "base/error.h"
#include "base/log.h"

namespace neso {
namespace {

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
constexpr int64_t kShortestWaitNs = 1'000'000;

int64_t from_us(uint64_t us) {
  return static_cast<int64_t>(std::min<uint64_t>(us, kNever / 1000)) * 1000;
}

bool names_a_sequence(const CorrelationId& id) {
  const auto* number = std::get_if<uint64_t>(&id);
  return number != nullptr ? *number != 0 : !std::get<std::string>(id).empty();
}

}  // namespace

SequenceLimits sequence_limits(const SequenceBatching& batching, size_t engines) {
  return {.slots = std::max<size_t>(1, batching.slots * engines),
          .max_idle_ns = from_us(batching.max_idle_us),
          .max_delay_ns = from_us(batching.max_queue_delay_us),
          .enough = batching.enough,
          .all_beyond_enough = batching.all_beyond_enough};
}

SequenceScheduler::SequenceScheduler(SequenceTensors tensors, SequenceLimits limits,
                                     std::unique_ptr<Scheduler> scheduler,
                                     std::shared_ptr<StatisticsRecorder> recorder,
                                     std::shared_ptr<AnswerOrder> order)
    : tensors_(std::move(tensors)),
      recorder_(std::move(recorder)),
      clock_(recorder_->clock()),
      scheduler_(std::move(scheduler)),
      order_(std::move(order)),
      slots_(std::move(limits)) {}

Result<std::unique_ptr<SequenceScheduler>> SequenceScheduler::start(
    SequenceTensors tensors, SequenceLimits limits, std::unique_ptr<Scheduler> scheduler,
    std::shared_ptr<StatisticsRecorder> recorder, std::shared_ptr<AnswerOrder> order) {
  std::unique_ptr<SequenceScheduler> made(
      new SequenceScheduler(std::move(tensors), std::move(limits), std::move(scheduler),
                            std::move(recorder), std::move(order)));
  try {
    MutexLock lock(made->stop_mutex_);
    made->watcher_ = std::thread([self = made.get()] { self->watch(); });
  } catch (const std::system_error& e) {
    return internal_error("cannot start the thread that watches sequences: {}", e.what());
  }
  return made;
}

SequenceScheduler::~SequenceScheduler() {
  stop();
}

void SequenceScheduler::submit(Job job, SequenceStep step) {
  auto queued = enqueue(job, std::move(step));
  if (!queued) return job.done(std::move(queued).error());
  advance();
}

// Moves the job into the queue, or leaves it and says why.
Result<> SequenceScheduler::enqueue(Job& job, SequenceStep step) {
  const std::string& model = recorder_->model();
  if (job_rows(job.work) > 1) {
    return invalid_argument(
        "inference request to model '{}' must specify batch-size 1 due to requirements of sequence "
        "batcher",
        model);
  }
  if (!names_a_sequence(step.id)) {
    return invalid_argument(
        "inference request to model '{}' must specify a non-zero or non-empty correlation ID",
        model);
  }
  auto pushed = SequenceSlots::Pushed::Accepted;
  const std::string id_text = text_of(step.id);
  try {
    MutexLock lock(mutex_);
    if (stopping_) {
      return not_ready(
          "Server is stopping, scheduler for model has stopped accepting new inference requests");
    }
    const uint64_t id = next_id_++;
    const auto entry = waiting_.emplace(id, Waiting{}).first;
    try {
      pushed =
          slots_.push({.id = id, .step = step, .deadline_ns = job.deadline_ns}, clock_.now_ns());
    } catch (const std::bad_alloc&) {
      waiting_.erase(entry);
      throw;
    }
    if (pushed == SequenceSlots::Pushed::NotStarted) {
      waiting_.erase(entry);
    } else {
      job.scope->queued();
      entry->second = {.job = std::move(job), .step = std::move(step)};
    }
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  }
  if (pushed == SequenceSlots::Pushed::NotStarted) {
    return invalid_argument(
        "inference request for sequence {} to model '{}' must specify the START flag on the first "
        "request of the sequence",
        id_text, model);
  }
  if (pushed == SequenceSlots::Pushed::Restarted) {
    log_warning(
        "sequence {} for model '{}' has a conflict. The previous sequence did not end before this "
        "sequence start. Previous sequence will be terminated early.",
        id_text, model);
  }
  return {};
}

SequenceScheduler::Waiting SequenceScheduler::release(uint64_t request) {
  MutexLock lock(mutex_);
  return std::move(waiting_.extract(request).mapped());
}

// Gives the engines what is due. By one thread at a time, so that requests keep their order, and
// what is refused at once does not nest.
void SequenceScheduler::advance() {
  {
    MutexLock lock(mutex_);
    again_ = true;
    if (advancing_) return;
    advancing_ = true;
  }
  for (bool more = true; more;) {
    bool taken = false;
    contain("running sequences", [this, &taken] {
      SequenceSlots::Taken due;
      {
        MutexLock lock(mutex_);
        again_ = false;
        due = slots_.take(clock_.now_ns());
        const bool drained = stopping_ && slots_.empty();
        if (drained || slots_.next_wakeup().value_or(kNever) < wake_ns_) changed_.notify_all();
      }
      taken = true;
      dispatch(due);
    });
    MutexLock lock(mutex_);
    if (!taken) changed_.notify_all();  // without memory: watch() tries again
    more = again_;
    advancing_ = more;
  }
}

void SequenceScheduler::dispatch(const SequenceSlots::Taken& due) {
  for (const uint64_t request : due.expired) {
    refuse(release(request),
           deadline_exceeded("timeout of the corresponding sequence has been expired"));
  }
  std::vector<Job> jobs;
  for (const SequenceSlots::Turn& turn : due.turns) {
    Waiting waiting = release(turn.request);
    try {
      jobs.reserve(due.turns.size());
      jobs.push_back(prepare(waiting, turn));
    } catch (const std::bad_alloc&) {
      refuse(std::move(waiting), out_of_memory());
      end_turn(turn.sequence, false);
    }
  }
  if (!jobs.empty()) scheduler_->submit(std::move(jobs));
}

void SequenceScheduler::refuse(Waiting waiting, Error error) {
  waiting.job.scope->left_queue(clock_.now_ns());
  contain("answering a request", [&] { waiting.job.done(std::move(error)); });
}

// The job as the engines run it; when it is done, so is the turn. What fails here leaves
// waiting.job with its completion.
Job SequenceScheduler::prepare(Waiting& waiting, const SequenceSlots::Turn& turn) {
  auto& work = std::get<TensorWork>(waiting.job.work);
  const std::vector<std::string> wanted = work.outputs;
  tensors_.complete(waiting.step, turn.memory->states, work);
  // The caller's answer alone: the turn ends when it is over, also while that waits for others.
  if (order_) waiting.job.done = order_->place(std::move(waiting.job.done));
  const auto caller = std::make_shared<Completion<JobOutput>>();
  Completion<JobOutput> done([this, caller, turn, wanted](Result<JobOutput> result) {
    const bool gone = !result && result.error().code == ErrorCode::Cancelled;
    if (result) {
      try {
        auto& outputs = std::get<std::vector<NamedTensor>>(*result);
        turn.memory->states = tensors_.take_states(wanted, outputs);
      } catch (const std::bad_alloc&) {
        result = out_of_memory();
      }
    }
    contain("answering a request", [&] { (*caller)(std::move(result)); });
    end_turn(turn.sequence, gone);
  });
  *caller = std::exchange(waiting.job.done, std::move(done));
  return std::move(waiting.job);
}

// A sequence whose client is gone goes, too, as in Triton.
void SequenceScheduler::end_turn(uint64_t sequence, bool gone) {
  std::vector<uint64_t> orphans;
  {
    MutexLock lock(mutex_);
    try {
      if (gone) orphans = slots_.cancel(sequence);
    } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch): then it goes on
    }
    slots_.finished(sequence, clock_.now_ns());
  }
  for (const uint64_t request : orphans) {
    refuse(release(request), cancelled("the sequence ended early: the client went away from an "
                                       "earlier request of it"));
  }
  advance();
}

void SequenceScheduler::watch() {
  while (true) {
    {
      MutexLock lock(mutex_);
      if (stopping_) return;
      const int64_t now_ns = clock_.now_ns();
      const int64_t next_ns = slots_.next_wakeup().value_or(kNever);
      wake_ns_ = next_ns;
      if (next_ns == kNever) {
        lock.wait(changed_);
      } else {
        const int64_t wait_ns = std::max(next_ns - now_ns, kShortestWaitNs);
        lock.wait_until(changed_,
                        std::chrono::steady_clock::now() + std::chrono::nanoseconds(wait_ns));
      }
      if (stopping_) return;
    }
    advance();
  }
}

void SequenceScheduler::stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    slots_.close();
  }
  changed_.notify_all();
  advance();
  {
    MutexLock lock(mutex_);
    while (!slots_.empty()) lock.wait(changed_);
  }
  scheduler_->stop();  // and with it the threads that still are in end_turn()
  MutexLock lock(stop_mutex_);
  if (watcher_.joinable()) watcher_.join();
}

}  // namespace neso
