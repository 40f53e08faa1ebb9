// SPDX-License-Identifier: Apache-2.0
#include "serving/scheduler.h"

#include <new>
#include <system_error>
#include <utility>

#include "base/check.h"
#include "base/contain.h"
#include "base/error.h"
#include "serving/execute.h"

namespace neso {

Scheduler::Scheduler(const SchedulerOptions& options, std::shared_ptr<StatisticsRecorder> recorder)
    : options_(options),
      recorder_(std::move(recorder)),
      clock_(recorder_->clock()),
      failures_(recorder_->model(), clock_),
      batcher_(options.limits) {}

Result<std::unique_ptr<Scheduler>> Scheduler::start(std::vector<std::unique_ptr<Engine>> engines,
                                                    const SchedulerOptions& options,
                                                    std::shared_ptr<StatisticsRecorder> recorder) {
  NESO_CHECK(!engines.empty());
  std::unique_ptr<Scheduler> scheduler(new Scheduler(options, std::move(recorder)));
  scheduler->engines_ = std::move(engines);
  for (const auto& engine : scheduler->engines_) {
    try {
      MutexLock lock(scheduler->stop_mutex_);
      scheduler->threads_.emplace_back(
          [self = scheduler.get(), &engine = *engine] { self->work(engine); });
    } catch (const std::system_error& e) {
      return internal_error("cannot start a thread for an engine: {}", e.what());
    }
  }
  return scheduler;
}

Scheduler::~Scheduler() {
  stop();
}

void Scheduler::submit(std::vector<Job> jobs) {
  if (const auto refusal = enqueue(jobs)) {
    for (Job& job : jobs) job.done(*refusal);
    return;
  }
  if (jobs.size() > 1) {
    wake_.notify_all();
  } else {
    wake_.notify_one();
  }
}

// Moves the jobs into the queue, or leaves them all and says why.
std::optional<Error> Scheduler::enqueue(std::vector<Job>& jobs) {
  size_t cost = 0;
  for (const Job& job : jobs) cost += job_cost(job.work, options_.engine_pads);
  if (cost > options_.max_queued_cost) {
    return too_large(
        "the request has {} tokens, more than the {} that may wait for one model; send it in parts",
        cost, options_.max_queued_cost);
  }
  MutexLock lock(mutex_);
  if (stopping_) {
    return not_ready(
        "Server is stopping, scheduler for model has stopped accepting new inference requests");
  }
  if (cost > options_.max_queued_cost - batcher_.cost())
    return overloaded("Exceeds maximum queue size");
  const uint64_t first = next_id_;
  try {
    for (Job& job : jobs) {
      const uint64_t id = next_id_++;
      QueuedItem item{.id = id, .rows = limited_rows(job.work, options_.engine_pads)};
      item.cost = job_cost(job.work, options_.engine_pads);
      item.group = job_group(job.work, options_.engine_pads);
      if (item.group.empty()) item.group = std::to_string(id);
      item.deadline_ns = job.deadline_ns;
      batcher_.push(std::move(item));
      jobs_.emplace(id, std::move(job));
    }
  } catch (const std::bad_alloc&) {
    for (uint64_t id = first; id < next_id_; ++id) {
      batcher_.cancel(id);
      if (auto queued = jobs_.extract(id)) jobs[id - first] = std::move(queued.mapped());
    }
    return out_of_memory();
  }
  if (!jobs.empty()) jobs_.at(first).scope->queued();
  return std::nullopt;
}

// Moves nodes, so that it cannot fail.
Scheduler::Jobs Scheduler::release(const std::vector<uint64_t>& ids) {
  Jobs released;
  for (const uint64_t id : ids) released.insert(jobs_.extract(id));
  return released;
}

// The next work, waiting for it; nullopt when there will be none any more.
std::optional<Scheduler::Pulled> Scheduler::pull() {
  MutexLock lock(mutex_);
  while (true) {
    const auto taken = batcher_.take(clock_.now_ns());
    if (!taken.batch.empty() || !taken.expired.empty()) {
      return Pulled{.batch = release(taken.batch), .expired = release(taken.expired)};
    }
    if (stopping_) return std::nullopt;
    lock.wait(wake_);
  }
}

void Scheduler::work(Engine& engine) {
  for (bool more = true; more;) {
    // Jobs that are dropped on the way answer that there was no memory.
    contain("an engine's thread", [&] {
      auto pulled = pull();
      more = pulled.has_value();
      if (more) serve(engine, *std::move(pulled));
    });
  }
}

void Scheduler::serve(Engine& engine, Pulled pulled) {
  const int64_t now = clock_.now_ns();
  for (auto& [id, job] : pulled.expired) {
    job.scope->left_queue(now);
    job.done(deadline_exceeded("Request timeout expired"));
  }
  std::vector<Job> batch;
  batch.reserve(pulled.batch.size());
  for (auto& [id, job] : pulled.batch) {
    job.scope->left_queue(now);
    if (job.gone && job.gone->load()) {
      job.done(cancelled("the client went away before the request ran"));
    } else {
      batch.push_back(std::move(job));
    }
  }
  if (!batch.empty()) run(engine, batch);
}

void Scheduler::run(Engine& engine, std::span<Job> jobs) {
  Executed executed = execute(engine, options_.pooling, jobs, clock_);
  executed.execution.id = ++executions_;
  if (options_.engine_pads) executed.execution.padded_tokens = 0;  // nothing was saved
  recorder_->count_execution(executed.execution);
  if (!executed.results) {
    if (jobs.size() > 1 && !executed.engine_threw) {
      // One bad input must not take the others with it, and the engine does not say which it was.
      for (size_t i = 0; i < jobs.size(); ++i) run(engine, jobs.subspan(i, 1));
      return;
    }
    const Error& error = executed.results.error();
    failures_.failed(jobs.size(), error);
    for (Job& job : jobs) contain("answering a request", [&] { job.done(error); });
    return;
  }
  for (size_t i = 0; i < jobs.size(); ++i) {
    jobs[i].scope->ran(executed.execution);
    if (const auto* sequence = std::get_if<SequenceWork>(&jobs[i].work))
      recorder_->add_tokens(sequence->ids.size());
  }
  for (size_t i = 0; i < jobs.size(); ++i) {
    contain("answering a request", [&] { jobs[i].done(std::move((*executed.results)[i])); });
  }
}

void Scheduler::stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  MutexLock lock(stop_mutex_);
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

}  // namespace neso
