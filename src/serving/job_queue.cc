// SPDX-License-Identifier: Apache-2.0
#include "serving/job_queue.h"

#include <algorithm>
#include <new>
#include <string>
#include <utility>

#include "base/error.h"
#include "serving/admission.h"

namespace neso {

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
  if (!order_) place.lane = lane_of(place.cost, place.rows, options_.limits);
  place.level = options_.policies.level_of(jobs.front().priority);
  return place;
}

std::optional<Error> JobQueue::refusal(const Place& place, const Job& job, const Engines& engines,
                                       int64_t now_ns) const {
  if (place.cost > options_.max_queued_cost) {
    return too_large(
        "the request has {} tokens, more than the {} that may wait for one model; send it in parts",
        place.cost, options_.max_queued_cost);
  }
  const uint32_t max_size = options_.policies.of(place.level).max_queue_size;
  const auto waiting = waiting_.find(place.level);
  const bool full = max_size != 0 && waiting != waiting_.end() && waiting->second >= max_size;
  const QueuedItem item{.level = place.level, .lane = place.lane, .client = client_of(job)};
  const Workload load{.cost_per_second = engines.cost_per_second,
                      .cost_before = batcher_.cost_before(item, place.cost) + engines.running_cost,
                      .cost = place.cost};
  // Each lane has room of its own: bulk work does not fill that of small requests.
  if (full || place.cost > options_.max_queued_cost - batcher_.cost(place.lane))
    return full_queue(load);
  return late_answer(load, job.deadline_ns, now_ns);
}

// Answers that leave in the order of arrival gain nothing from turns.
uint64_t JobQueue::client_of(const Job& job) const {
  return order_ ? 0 : job.client;
}

void JobQueue::add(Job& job, const Place& place, uint64_t request, int64_t now_ns) {
  const uint64_t id = next_id_++;
  const QueuePolicies& policies = options_.policies;
  QueuedItem item{.id = id, .rows = limited_rows(job.work, options_.engine_pads)};
  item.cost = job_cost(job.work, options_.engine_pads);
  item.group = job_group(job.work, options_.engine_pads);
  if (item.group.empty()) item.group = std::to_string(id);
  item.deadline_ns = job.deadline_ns;
  const auto until = policies.waits_until(place.level, job.timeout_us, now_ns);
  if (policies.of(place.level).timeout_action == QueuePolicy::TimeoutAction::Delay) {
    item.delay_ns = until;
  } else if (until) {
    item.deadline_ns = std::min(*until, item.deadline_ns.value_or(*until));
  }
  item.level = place.level;
  item.lane = place.lane;
  item.client = client_of(job);
  item.queued_ns = now_ns;
  batcher_.push(std::move(item));
  Queued& queued = jobs_[id];
  queued.job = std::move(job);
  if (order_) queued.job.done = order_->place(std::move(queued.job.done));
  queued.request = request;
  ++requests_.at(request).jobs;
}

std::optional<Error> JobQueue::push(std::vector<Job>& jobs, const Engines& engines,
                                    int64_t now_ns) {
  const Place place = place_of(jobs);
  if (auto refused = refusal(place, jobs.front(), engines, now_ns)) return refused;
  const uint64_t first = next_id_;
  Requests::iterator request;
  try {
    size_t& waiting = waiting_[place.level];
    request = requests_.emplace(first, Request{.level = place.level}).first;
    ++waiting;
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  }
  try {
    for (Job& job : jobs) add(job, place, first, now_ns);
  } catch (const std::bad_alloc&) {
    for (uint64_t id = first; id < next_id_; ++id) {
      batcher_.cancel(id);
      if (auto queued = jobs_.extract(id)) jobs[id - first] = std::move(queued.mapped().job);
    }
    end(request);
    return out_of_memory();
  }
  return std::nullopt;
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

JobQueue::Pulled JobQueue::take(int64_t now_ns) {
  const auto taken = batcher_.take(now_ns, [this](uint64_t id) {
    const auto& gone = jobs_.at(id).job.gone;
    return !gone || !gone->load();
  });
  return {.batch = release(taken.batch),
          .batch_cost = taken.cost,
          .expired = release(taken.expired),
          .unwanted = release(taken.unwanted)};
}

}  // namespace neso
