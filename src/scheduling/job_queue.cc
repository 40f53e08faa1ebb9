// SPDX-License-Identifier: Apache-2.0
#include "scheduling/job_queue.h"

#include <algorithm>
#include <new>
#include <string>
#include <utility>

#include "base/error.h"
#include "scheduling/admission.h"

namespace neso {
namespace {

constexpr int64_t kSmallRequestsNs = 1'000'000'000;  // so long after one others are expected
constexpr int64_t kSpeedHoldsNs = 10'000'000'000;    // so long nobody tries an idle model again
constexpr size_t kLeastBulkCost = 32;                // tokens; less would cost more than it saves

}  // namespace

JobQueue::JobQueue(JobQueueOptions options)
    : options_(std::move(options)), batcher_(options_.limits) {
  if (options_.policies.preserves_ordering()) order_ = std::make_shared<AnswerOrder>();
}

JobQueue::Place JobQueue::place_of(const std::vector<Job>& jobs) const {
  Place place;
  for (const Job& job : jobs) {
    place.cost += job_cost(job.work, options_.engine_pads);
    place.rows += job_rows(job.work);
  }
  // Nor from lanes: see client_of.
  if (!order_) place.terms.lane = lane_of(place.cost, place.rows, options_.limits);
  place.terms.level = options_.policies.level_of(jobs.front().priority);
  place.terms.deadline_ns = jobs.front().deadline_ns;
  return place;
}

std::optional<Refusal> JobQueue::refusal(const Place& place, const Job& job, const Engines& engines,
                                         int64_t now_ns) const {
  if (place.cost > options_.max_queued_cost) {
    return Refusal{RefusalReason::TooLarge,
                   too_large("the request has {} tokens, more than the {} that may wait for one "
                             "model; send it in parts",
                             place.cost, options_.max_queued_cost)};
  }
  const uint32_t max_size = options_.policies.of(place.terms.level).max_queue_size;
  const auto waiting = waiting_.find(place.terms.level);
  const bool full = max_size != 0 && waiting != waiting_.end() && waiting->second >= max_size;
  const QueuedItem item{
      .level = place.terms.level, .lane = place.terms.lane, .client = client_of(job)};
  // It is answered with the batch that it is in, which will be like those that run now.
  const size_t batch_cost = engines.running_cost / engines.count;
  const Workload load{.cost_per_second = engines.cost_per_second,
                      .cost_before = batcher_.cost_before(item, place.cost) + engines.running_cost,
                      .cost = std::max(place.cost, batch_cost)};
  // Each lane has room of its own: bulk work does not fill that of small requests.
  if (full || place.cost > options_.max_queued_cost - batcher_.cost(place.terms.lane))
    return Refusal{RefusalReason::QueueFull, full_queue(load)};
  // If all were refused, nothing would tell that the engines are faster by now.
  const bool idle = empty() && engines.running_cost == 0;
  if (idle && now_ns - engines.ran_ns >= kSpeedHoldsNs) return std::nullopt;
  auto late = late_answer(load, job.deadline_ns, now_ns);
  if (!late) return std::nullopt;
  return Refusal{RefusalReason::Deadline, *std::move(late)};
}

// Answers that leave in the order of arrival gain nothing from turns.
uint64_t JobQueue::client_of(const Job& job) const {
  return order_ ? 0 : job.client;
}

void JobQueue::add(Job& job, std::string key, const Place& place, int64_t now_ns) {
  const uint64_t id = next_id_++;
  const QueuePolicies& policies = options_.policies;
  QueuedItem item{.id = id, .rows = limited_rows(job.work, options_.engine_pads)};
  item.cost = job_cost(job.work, options_.engine_pads);
  item.group = job_group(job.work, options_.engine_pads);
  if (item.group.empty()) item.group = std::to_string(id);
  item.deadline_ns = job.deadline_ns;
  const auto until = policies.waits_until(place.terms.level, job.timeout_us, now_ns);
  if (policies.of(place.terms.level).timeout_action == QueuePolicy::TimeoutAction::Delay) {
    item.delay_ns = until;
  } else if (until) {
    item.deadline_ns = std::min(*until, item.deadline_ns.value_or(*until));
  }
  item.level = place.terms.level;
  item.lane = place.terms.lane;
  item.client = client_of(job);
  item.queued_ns = now_ns;
  batcher_.push(std::move(item));
  Queued& queued = jobs_[id];
  queued.job = std::move(job);
  queued.request = place.request;
  ++requests_.at(place.request).jobs;
  if (!key.empty()) flights_->open(std::move(key), place.terms, queued.job);
}

// A policy's time-outs run for each request of its own, so that nobody waits for another's.
std::vector<std::string> JobQueue::keys_of(const std::vector<Job>& jobs, const Place& place) const {
  std::vector<std::string> keys(jobs.size());
  if (options_.policies.of(place.terms.level).default_timeout_us != 0) return keys;
  for (size_t i = 0; i < jobs.size(); ++i) {
    const bool same_answer =
        options_.join_tensors || std::holds_alternative<SequenceWork>(jobs[i].work);
    if (same_answer) keys[i] = work_key(jobs[i].work);
  }
  return keys;
}

std::optional<Refusal> JobQueue::push(std::vector<Job>& jobs, const Engines& engines,
                                      int64_t now_ns) {
  Place place = place_of(jobs);
  std::vector<std::string> keys = keys_of(jobs, place);
  bool all_join = true;
  for (size_t i = 0; i < jobs.size(); ++i) {
    if (!keys[i].empty() && flights_->has(keys[i], place.terms)) {
      place.cost -= job_cost(jobs[i].work, options_.engine_pads);
    } else {
      all_join = false;
    }
  }
  if (!all_join) {
    if (auto refused = refusal(place, jobs.front(), engines, now_ns)) return refused;
  }
  jobs.front().scope->queued();  // before anything can be answered
  if (all_join) jobs.front().scope->left_queue(now_ns);
  if (place.terms.lane == Lane::Interactive) last_small_ns_ = now_ns;
  place.request = next_id_;
  std::vector<size_t> added;  // of the jobs, those that have ids now
  try {
    begin(place);
    for (size_t i = 0; i < jobs.size(); ++i) {
      if (order_) jobs[i].done = order_->place(std::move(jobs[i].done));
      if (!keys[i].empty() && flights_->join(keys[i], place.terms, jobs[i].done)) continue;
      added.push_back(i);
      add(jobs[i], std::move(keys[i]), place, now_ns);
    }
  } catch (const std::bad_alloc&) {
    take_back(jobs, added, place.request);
    return Refusal{RefusalReason::Memory, out_of_memory()};
  }
  if (added.empty()) end(requests_.find(place.request));
  return std::nullopt;
}

void JobQueue::begin(const Place& place) {
  size_t& waiting = waiting_[place.terms.level];
  requests_.emplace(place.request, Request{.level = place.terms.level});
  ++waiting;
}

// What has joined a flight stays there.
void JobQueue::take_back(std::vector<Job>& jobs, const std::vector<size_t>& added,
                         uint64_t request) {
  for (size_t i = 0; i < added.size(); ++i) {
    batcher_.cancel(request + i);
    if (auto queued = jobs_.extract(request + i)) jobs[added[i]] = std::move(queued.mapped().job);
  }
  if (const auto begun = requests_.find(request); begun != requests_.end()) end(begun);
}

void JobQueue::end(Requests::iterator request) {
  const auto waiting = waiting_.find(request->second.level);
  if (--waiting->second == 0) waiting_.erase(waiting);
  requests_.erase(request);
}

// Moves nodes, so that it cannot fail.
JobQueue::Jobs JobQueue::release(const std::vector<uint64_t>& ids) {
  Jobs released;
  for (const uint64_t id : ids) {
    const auto queued = released.insert(jobs_.extract(id)).position;
    const auto request = requests_.find(queued->second.request);
    if (--request->second.jobs == 0) end(request);
  }
  return released;
}

// An engine is most efficient with full batches, and whoever waits for nothing but bulk work does
// not mind them. A single small request finds the last full one running; those after it do not.
size_t JobQueue::bulk_cost(int64_t now_ns, const Engines& engines) const {
  const bool small_come = last_small_ns_ && now_ns - *last_small_ns_ < kSmallRequestsNs;
  if (!small_come || options_.short_batch_ns == 0 || engines.cost_per_second <= 0)
    return kUnlimited;
  const double one = engines.cost_per_second / static_cast<double>(engines.count);
  const double cost = one * static_cast<double>(options_.short_batch_ns) / 1e9;
  return std::max(kLeastBulkCost, static_cast<size_t>(cost));
}

JobQueue::Pulled JobQueue::take(int64_t now_ns, const Engines& engines) {
  batcher_.keep_bulk_below(bulk_cost(now_ns, engines));
  const auto taken = batcher_.take(now_ns, [this](uint64_t id) {
    const Job& job = jobs_.at(id).job;
    return !job.gone || !job.gone->load() || flights_->joined(job.flight);
  });
  Pulled pulled{.batch = release(taken.batch),
                .batch_cost = taken.cost,
                .expired = release(taken.expired),
                .unwanted = release(taken.unwanted)};
  for (const auto& [id, queued] : pulled.batch) flights_->runs(queued.job.flight);
  for (const Jobs* ended : {&pulled.expired, &pulled.unwanted}) {
    for (const auto& [id, queued] : *ended) flights_->close(queued.job.flight);
  }
  return pulled;
}

JobQueue::Jobs JobQueue::expire(int64_t now_ns) {
  Jobs expired = release(batcher_.expire(now_ns));
  for (const auto& [id, queued] : expired) flights_->close(queued.job.flight);
  return expired;
}

}  // namespace neso
