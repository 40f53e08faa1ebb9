// SPDX-License-Identifier: Apache-2.0
#include "scheduling/scheduler.h"

#include <pthread.h>

#include <algorithm>
#include <limits>
#include <new>
#include <system_error>
#include <utility>

#include "base/affinity.h"
#include "base/check.h"
#include "base/contain.h"
#include "base/error.h"
#include "base/log.h"
#include "scheduling/execute.h"

namespace neso {
namespace {

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
// Batches that a borrower runs at most: his own, and what comes meanwhile.
constexpr int kMostRunsOnLoan = 4;

// Each on its own: what one answer throws must not cost the others theirs.
void answer_all(JobQueue::Jobs& jobs, int64_t now_ns, const Error& error) {
  for (auto& [id, queued] : jobs) {
    contain("answering a request", [&] {
      queued.job.scope->left_queue(now_ns);
      queued.job.done(error);
    });
  }
}

Error expired() {
  return deadline_exceeded("Request timeout expired");
}

}  // namespace

Scheduler::Scheduler(const SchedulerOptions& options, std::shared_ptr<StatisticsRecorder> recorder)
    : options_(options),
      recorder_(std::move(recorder)),
      clock_(recorder_->clock()),
      failures_(recorder_->model(), clock_),
      queue_(options.queue),
      watched_ns_(kNever) {}

Result<std::unique_ptr<Scheduler>> Scheduler::start(std::vector<std::unique_ptr<Engine>> engines,
                                                    const SchedulerOptions& options,
                                                    std::shared_ptr<StatisticsRecorder> recorder) {
  NESO_CHECK(!engines.empty());
  NESO_CHECK(options.seats.empty() || options.seats.size() == engines.size());
  NESO_CHECK(options.cores.empty() || options.cores.size() == engines.size());
  std::unique_ptr<Scheduler> scheduler(new Scheduler(options, std::move(recorder)));
  scheduler->engines_ = std::move(engines);
  {
    MutexLock lock(scheduler->mutex_);
    scheduler->busy_.resize(scheduler->engines_.size());
  }
  for (size_t i = 0; i < scheduler->engines_.size(); ++i) {
    RateSeat* const seat = options.seats.empty() ? nullptr : options.seats[i].get();
    try {
      MutexLock lock(scheduler->stop_mutex_);
      scheduler->threads_.emplace_back([self = scheduler.get(), i, seat] {
        self->bind(i);
        seat == nullptr ? self->work(i) : self->work_in_turns(i, *seat);
      });
      // As `top -H` shows it; else it would be that of the thread that loads models.
      pthread_setname_np(scheduler->threads_.back().native_handle(), "engine");
    } catch (const std::system_error& e) {
      return internal_error("cannot start a thread for an engine: {}", e.what());
    }
  }
  if (options.deadlines != nullptr) {
    scheduler->watched_ = options.deadlines->add(
        [self = scheduler.get()](int64_t now_ns) { return self->expire(now_ns); });
  }
  return scheduler;
}

// The engine's own threads were started there; the one that calls it takes part in the work.
void Scheduler::bind(size_t engine) const {
  if (options_.cores.empty() || options_.cores[engine].empty()) return;
  if (const auto bound = bind_this_thread(options_.cores[engine]); !bound)
    log_warning("model '{}': {}", recorder_->model(), bound.error().message);
}

Scheduler::~Scheduler() {
  stop();
  watched_ = nullptr;
}

void Scheduler::submit(std::vector<Job> jobs, On on) {
  if (options_.results) options_.results->answer(jobs, clock_.now_ns());
  Entered entered = enqueue(jobs, on);
  if (entered.refusal) {
    if (options_.metrics) options_.metrics->count_refusal(entered.refusal->reason);
    for (Job& job : jobs) job.done(entered.refusal->error);
    return;
  }
  if (entered.wake == Entered::Wake::All) wake_.notify_all();
  if (entered.wake == Entered::Wake::One) wake_.notify_one();
  if (entered.loan) run_on_loan(*std::move(entered.loan));
}

JobQueue::Engines Scheduler::engines() const {
  return {.cost_per_second = rate_.cost_per_second(engines_.size()),
          .running_cost = running_cost_,
          .count = engines_.size(),
          .ran_ns = ran_ns_};
}

void Scheduler::show_queue() const {
  if (options_.metrics) options_.metrics->show(queue_.batcher());
}

// Moves the jobs into the queue, or leaves them all and says why.
Scheduler::Entered Scheduler::enqueue(std::vector<Job>& jobs, On on) {
  Entered entered;
  if (jobs.empty()) return entered;
  MutexLock lock(mutex_);
  if (stopping_) {
    entered.refusal =
        Refusal{RefusalReason::Stopping,
                not_ready("Server is stopping, scheduler for model has stopped accepting new "
                          "inference requests")};
    return entered;
  }
  const uint64_t joins = queue_.joins();
  entered.refusal = queue_.push(jobs, engines(), clock_.now_ns());
  if (options_.joins) options_.joins->add(static_cast<double>(queue_.joins() - joins));
  if (!entered.refusal) {
    entered.loan = lend(on);
    if (!queue_.empty()) entered.wake = whom_to_wake(jobs.size());
  }
  watch_deadlines();
  show_queue();
  return entered;
}

Scheduler::Entered::Wake Scheduler::whom_to_wake(size_t jobs) const {
  using Wake = Entered::Wake;
  // One that then waits for resources does not see to it for the others.
  if (!options_.seats.empty()) return Wake::All;
  // Who is busy looks at the queue afterwards.
  if (std::ranges::find(busy_, false) == busy_.end()) return Wake::None;
  // One whose engine is on loan would sleep on.
  return jobs > 1 || loans_ > 0 ? Wake::All : Wake::One;
}

// Tells the watch of a deadline that is earlier than what it knows.
void Scheduler::watch_deadlines() {
  const int64_t next_ns = queue_.next_deadline_ns().value_or(kNever);
  if (!watched_ || next_ns >= watched_ns_) return;
  watched_ns_ = next_ns;
  watched_->due(next_ns);
}

// On the watch's thread.
std::optional<int64_t> Scheduler::expire(int64_t now_ns) {
  JobQueue::Jobs late;
  std::optional<int64_t> next_ns;
  {
    MutexLock lock(mutex_);
    watched_ns_ = kNever;  // it forgets what it calls for
    late = queue_.expire(now_ns);
    next_ns = queue_.next_deadline_ns();
    watched_ns_ = next_ns.value_or(kNever);
    show_queue();
  }
  answer_all(late, now_ns, expired());
  return next_ns;
}

// The next work for an engine that is not busy.
Scheduler::Turn Scheduler::take(size_t engine) {
  Turn turn{.engine = engine, .pulled = queue_.take(clock_.now_ns(), engines())};
  busy_[engine] = !turn.pulled.empty();
  running_cost_ += turn.pulled.batch_cost;
  show_queue();
  return turn;
}

// Work for the thread that submits, if it is quick and an engine is free.
std::optional<Scheduler::Turn> Scheduler::lend(On on) {
  if (on != On::Borrowed || !options_.seats.empty() || !options_.cores.empty()) return std::nullopt;
  if (!run_times_.are_short()) return std::nullopt;
  const auto free = std::ranges::find(busy_, false);
  if (free == busy_.end()) return std::nullopt;
  try {
    Turn turn = take(static_cast<size_t>(free - busy_.begin()));
    if (turn.pulled.empty()) return std::nullopt;
    ++loans_;
    return turn;
  } catch (const std::bad_alloc&) {
    return std::nullopt;  // the engine's thread will try, too
  }
}

void Scheduler::run_on_loan(Turn turn) {
  const size_t engine = turn.engine;
  serve(std::move(turn));
  for (int runs = 1;; ++runs) {
    Turn next;
    {
      MutexLock lock(mutex_);
      if (runs < kMostRunsOnLoan && !busy_[engine] && run_times_.are_short()) {
        try {
          next = take(engine);
        } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch): its thread will try
        }
      }
      if (next.pulled.empty()) {
        --loans_;
        if (queue_.empty() && !stopping_) return;
      }
    }
    if (next.pulled.empty()) return wake_.notify_all();
    serve(std::move(next));
  }
}

// The next work, waiting for it; nullopt when there will be none any more.
std::optional<Scheduler::Turn> Scheduler::pull(size_t engine) {
  MutexLock lock(mutex_);
  while (true) {
    if (!busy_[engine]) {  // it may be on loan
      auto turn = take(engine);
      if (!turn.pulled.empty()) return turn;
      if (stopping_) return std::nullopt;
    }
    lock.wait(wake_);
  }
}

void Scheduler::work(size_t engine) {
  for (bool more = true; more;) {
    contain("an engine's thread", [&] {
      auto turn = pull(engine);
      more = turn.has_value();
      if (more) serve(*std::move(turn));
    });
  }
}

// False when there will be none any more.
bool Scheduler::wait_for_work() {
  MutexLock lock(mutex_);
  while (queue_.empty() && !stopping_) lock.wait(wake_);
  return !queue_.empty();
}

// As work(), of an engine that needs resources. It asks for them when there is work, and chooses
// the batch when it has them: until then others may take it, and it may grow.
void Scheduler::work_in_turns(size_t engine, RateSeat& seat) {
  for (bool again = false; again || wait_for_work();) {
    seat.take();
    contain("an engine's thread", [&] {
      Turn turn;
      {
        MutexLock lock(mutex_);
        turn = take(engine);
      }
      if (!turn.pulled.empty()) serve(std::move(turn));
    });
    {
      MutexLock lock(mutex_);
      again = !queue_.empty();
    }
    seat.give_back(again);
  }
}

// Whatever happens, the engine is free afterwards. Jobs that are dropped on the way answer that
// there was no memory.
void Scheduler::serve(Turn turn) noexcept {
  const int64_t start = clock_.now_ns();
  int64_t run_ns = 0;
  contain("running requests", [&] { run_ns = answer(turn, start); });
  MutexLock lock(mutex_);
  busy_[turn.engine] = false;
  const size_t cost = turn.pulled.batch_cost;
  if (cost == 0) return;
  running_cost_ -= cost;
  ran_ns_ = clock_.now_ns();
  rate_.ran(cost, ran_ns_ - start);
  run_times_.ran(run_ns);
}

// Returns for how long the engine ran.
int64_t Scheduler::answer(Turn& turn, int64_t start_ns) {
  JobQueue::Pulled& pulled = turn.pulled;
  if (!pulled.expired.empty()) answer_all(pulled.expired, start_ns, expired());
  if (!pulled.unwanted.empty()) {
    answer_all(pulled.unwanted, start_ns, cancelled("the client went away before the request ran"));
  }
  std::vector<Job> batch;
  batch.reserve(pulled.batch.size());
  for (auto& [id, queued] : pulled.batch) {
    queued.job.scope->left_queue(start_ns);
    batch.push_back(std::move(queued.job));
  }
  return batch.empty() ? 0 : run(*engines_[turn.engine], batch);
}

int64_t Scheduler::run(Engine& engine, std::span<Job> jobs) {
  Executed executed = execute(engine, options_.pooling, jobs, clock_);
  executed.execution.id = ++executions_;
  if (options_.queue.engine_pads) executed.execution.padded_tokens = 0;  // nothing was saved
  recorder_->count_execution(executed.execution);
  int64_t run_ns = executed.execution.end_ns - executed.execution.start_ns;
  if (!executed.results) {
    if (jobs.size() > 1 && !executed.engine_threw) {
      // One bad input must not take the others with it, and the engine does not say which it was.
      for (size_t i = 0; i < jobs.size(); ++i) run_ns += run(engine, jobs.subspan(i, 1));
      return run_ns;
    }
    const Error& error = executed.results.error();
    failures_.failed(jobs.size(), error);
    for (Job& job : jobs) contain("answering a request", [&] { job.done(error); });
    return run_ns;
  }
  for (size_t i = 0; i < jobs.size(); ++i) {
    jobs[i].scope->ran(executed.execution);
    if (const auto* sequence = std::get_if<SequenceWork>(&jobs[i].work))
      recorder_->add_tokens(sequence->ids.size());
  }
  for (size_t i = 0; i < jobs.size(); ++i) {
    contain("answering a request", [&] { jobs[i].done(std::move((*executed.results)[i])); });
  }
  return run_ns;
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
