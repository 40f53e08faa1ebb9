// SPDX-License-Identifier: Apache-2.0
#include "scheduling/batcher.h"

#include <algorithm>

#include "base/check.h"

namespace neso {
namespace {

size_t index(Lane lane) {
  return static_cast<size_t>(lane);
}

// Compared as "what is left", since an item's cost may be any number.
bool fits(size_t used, size_t more, size_t limit) {
  return used <= limit && more <= limit - used;
}

}  // namespace

Lane lane_of(size_t request_cost, size_t request_rows, const BatchLimits& limits) {
  const bool small =
      request_cost <= limits.interactive_cost && request_rows <= limits.interactive_rows;
  return small ? Lane::Interactive : Lane::Bulk;
}

bool Batcher::Level::empty() const {
  return std::ranges::all_of(lanes, &FairQueue::empty);
}

Batcher::Batcher(BatchLimits limits) : limits_(std::move(limits)) {
  limits_.bulk_cost = std::min(limits_.bulk_cost, limits_.max_cost);
  limits_.top_up_cost = std::min(limits_.top_up_cost, limits_.max_cost);
}

FairQueue::Entry Batcher::entry(const QueuedItem& item) {
  return {.id = item.id, .client = item.client, .cost = item.cost, .group = item.group};
}

FairQueue& Batcher::queue_of(const QueuedItem& item) {
  return levels_.at(item.level).lanes[index(item.lane)];
}

void Batcher::count(const QueuedItem& item, bool more) {
  size_t& lane = lane_costs_[index(item.lane)];
  lane = more ? lane + item.cost : lane - item.cost;
  size_t& size = lane_sizes_[index(item.lane)];
  size = more ? size + 1 : size - 1;
  cost_ = more ? cost_ + item.cost : cost_ - item.cost;
}

void Batcher::push(QueuedItem pushed) {
  NESO_CHECK(waiting_.empty() || waiting_.rbegin()->first < pushed.id);
  const auto added = waiting_.emplace_hint(waiting_.end(), pushed.id, std::move(pushed));
  const QueuedItem& item = added->second;
  try {
    levels_[item.level].lanes[index(item.lane)].push(entry(item));
  } catch (...) {
    if (const auto level = levels_.find(item.level); level != levels_.end()) {
      if (level->second.empty()) levels_.erase(level);
    }
    waiting_.erase(added);
    throw;
  }
  count(item, true);
  try {
    if (item.deadline_ns) deadlines_.emplace(*item.deadline_ns, item.id);
    if (item.delay_ns) delays_.emplace(*item.delay_ns, item.id);
  } catch (...) {
    remove(added, false);
    throw;
  }
}

// Also of an item that push() could not finish. `served`: an engine takes it.
void Batcher::remove(Waiting::iterator found, bool served) {
  const QueuedItem& item = found->second;
  count(item, false);
  const auto level = levels_.find(item.level);
  FairQueue& queue = level->second.lanes[index(item.lane)];
  served ? queue.serve(entry(item)) : queue.remove(entry(item));
  if (level->second.empty()) levels_.erase(level);
  if (item.deadline_ns) deadlines_.erase({*item.deadline_ns, item.id});
  if (item.delay_ns) delays_.erase({*item.delay_ns, item.id});
  waiting_.erase(found);
}

// Moves what waits longer than its policy allows behind the others of its level.
void Batcher::delay(int64_t now_ns) {
  while (!delays_.empty() && delays_.begin()->first <= now_ns) {
    QueuedItem& item = waiting_.at(delays_.begin()->second);
    levels_.at(item.level).lanes[index(Lane::Delayed)].push(entry(item));
    queue_of(item).remove(entry(item));
    count(item, false);
    item.lane = Lane::Delayed;
    count(item, true);
    item.delay_ns.reset();
    delays_.erase(delays_.begin());
  }
}

// One batch while it is chosen: nothing is removed yet.
class Batcher::Filling {
 public:
  Filling(const Batcher& batcher, const Wanted& wanted, uint64_t first)
      : batcher_(batcher), wanted_(wanted), group_(batcher.waiting_.at(first).group) {
    max_rows_ = batcher.limits_.max_rows;
    if (!batcher.limits_.preferred_rows.empty())
      max_rows_ = std::min(max_rows_, batcher.limits_.preferred_rows.back());
  }

  // What fits of the group, until all of the batch costs `max_cost`. Its first item always does.
  void add(const FairQueue& queue, size_t max_cost) {
    if (queue.empty()) return;
    for (FairQueue::Walk walk(queue, group_); const auto id = walk.next();) {
      const QueuedItem& item = batcher_.waiting_.at(*id);
      if (!wanted_(*id)) {
        walk.pass();
      } else if (batch_.empty() ||
                 (fits(cost_, item.cost, max_cost) && fits(rows_, item.rows, max_rows_))) {
        cost_ += item.cost;
        rows_ += item.rows;
        batch_.push_back(*id);
        walk.take(item.cost);
      } else {
        walk.pass_client();
      }
    }
  }
  std::vector<uint64_t> batch() && { return std::move(batch_); }

 private:
  const Batcher& batcher_;
  const Wanted& wanted_;
  const std::string& group_;
  size_t max_rows_;
  size_t cost_ = 0;
  size_t rows_ = 0;
  std::vector<uint64_t> batch_;
};

// The item that starts the next batch.
std::optional<uint64_t> Batcher::first(const Level& level, const Wanted& wanted) {
  const auto bulk = level.lanes[index(Lane::Bulk)].first(wanted);
  if (bulk && level.bulk_owed > 0) return bulk;
  if (const auto small = level.lanes[index(Lane::Interactive)].first(wanted)) return small;
  if (bulk) return bulk;
  return level.lanes[index(Lane::Delayed)].first(wanted);
}

// Bulk work is owed its share of each batch that was taken while both lanes waited, and what it got
// is paid. It may be ahead by one batch, so that a quiet time does not count against it for long.
void Batcher::settle(Level& level, const std::vector<uint64_t>& batch, bool both_wait) const {
  if (!both_wait) {
    level.bulk_owed = std::min(level.bulk_owed, 0.0);
    return;
  }
  double cost = 0;
  double bulk = 0;
  for (const uint64_t id : batch) {
    const QueuedItem& item = waiting_.at(id);
    cost += static_cast<double>(item.cost);
    if (item.lane == Lane::Bulk) bulk += static_cast<double>(item.cost);
  }
  const double owed = level.bulk_owed;
  level.bulk_owed = std::max(owed + kBulkShare * cost - bulk, std::min(owed, -cost));
}

void Batcher::end_at_preferred(std::vector<uint64_t>& batch, int64_t now_ns) const {
  if (limits_.preferred_rows.empty() || limits_.max_delay_ns <= 0) return;
  size_t rows = 0;
  size_t best = 0;
  int64_t oldest = now_ns;
  for (size_t i = 0; i < batch.size(); ++i) {
    const QueuedItem& item = waiting_.at(batch[i]);
    rows += item.rows;
    oldest = std::min(oldest, item.queued_ns);
    if (std::ranges::binary_search(limits_.preferred_rows, rows)) best = i + 1;
  }
  if (best != 0 && now_ns - oldest < limits_.max_delay_ns) batch.resize(best);
}

// Chooses first and removes then: once an item is removed nothing may fail, or nobody would ever
// answer for it.
Batcher::Taken Batcher::take(int64_t now_ns, const Wanted& wanted) {
  delay(now_ns);
  Taken taken;
  taken.expired = overdue(now_ns);
  std::set<uint64_t> unwanted;
  const Wanted runs = [&](uint64_t id) {
    const QueuedItem& item = waiting_.at(id);
    if (item.deadline_ns && *item.deadline_ns <= now_ns) return false;
    if (!wanted || wanted(id)) return true;
    unwanted.insert(id);
    return false;
  };
  auto level = levels_.begin();
  std::optional<uint64_t> start;
  while (level != levels_.end() && !(start = first(level->second, runs))) ++level;
  if (start) {
    const Lane lane = waiting_.at(*start).lane;
    const bool small = lane == Lane::Interactive;
    Filling filling(*this, runs, *start);
    const size_t bulk_cost = std::min(limits_.bulk_cost, bulk_cost_);
    const size_t top_up_cost = std::min(limits_.top_up_cost, bulk_cost_);
    const auto& lanes = level->second.lanes;
    filling.add(lanes[index(lane)], small ? limits_.max_cost : bulk_cost);
    for (const Lane next : {Lane::Interactive, Lane::Bulk, Lane::Delayed}) {
      if (next == lane) continue;
      filling.add(lanes[index(next)], next == Lane::Interactive ? limits_.max_cost
                                      : small                   ? top_up_cost
                                                                : bulk_cost);
    }
    for (auto lower = std::next(level); lower != levels_.end(); ++lower) {
      for (const FairQueue& queue : lower->second.lanes) filling.add(queue, top_up_cost);
    }
    taken.batch = std::move(filling).batch();
    end_at_preferred(taken.batch, now_ns);
    taken.unwanted.assign(unwanted.begin(), unwanted.end());
    const bool both_wait =
        !lanes[index(Lane::Interactive)].empty() && !lanes[index(Lane::Bulk)].empty();
    settle(level->second, taken.batch, both_wait);
  } else {
    taken.unwanted.assign(unwanted.begin(), unwanted.end());
  }
  for (const uint64_t id : taken.expired) cancel(id);
  for (const uint64_t id : taken.unwanted) cancel(id);
  for (const uint64_t id : taken.batch) {
    const auto item = waiting_.find(id);
    taken.cost += item->second.cost;
    remove(item, true);
  }
  return taken;
}

std::vector<uint64_t> Batcher::overdue(int64_t now_ns) const {
  std::vector<uint64_t> ids;
  for (const auto& [deadline_ns, id] : deadlines_) {
    if (deadline_ns > now_ns) break;
    ids.push_back(id);
  }
  return ids;
}

std::vector<uint64_t> Batcher::expire(int64_t now_ns) {
  std::vector<uint64_t> ids = overdue(now_ns);
  for (const uint64_t id : ids) cancel(id);
  return ids;
}

bool Batcher::cancel(uint64_t id) {
  const auto found = waiting_.find(id);
  if (found == waiting_.end()) return false;
  remove(found, false);
  return true;
}

size_t Batcher::cost_before(const QueuedItem& place, size_t cost) const {
  size_t before = 0;
  for (const auto& [number, level] : levels_) {
    if (number > place.level) break;
    for (const Lane lane : {Lane::Interactive, Lane::Bulk, Lane::Delayed}) {
      const FairQueue& queue = level.lanes[index(lane)];
      if (number < place.level || lane < place.lane) {
        before += queue.cost();
      } else if (lane == place.lane) {
        before += queue.cost_before(place.client, cost);
      }
    }
  }
  return before;
}

}  // namespace neso
