// SPDX-License-Identifier: Apache-2.0
#include "serving/batcher.h"

#include "base/check.h"

namespace neso {

void Batcher::push(QueuedItem item) {
  NESO_CHECK(waiting_.empty() || waiting_.rbegin()->first < item.id);
  cost_ += item.cost;
  groups_[item.group].insert(item.id);
  if (item.deadline_ns) deadlines_.emplace(*item.deadline_ns, item.id);
  waiting_.emplace_hint(waiting_.end(), item.id, std::move(item));
}

void Batcher::remove(Waiting::iterator found) {
  const QueuedItem& item = found->second;
  cost_ -= item.cost;
  const auto group = groups_.find(item.group);
  group->second.erase(item.id);
  if (group->second.empty()) groups_.erase(group);
  if (item.deadline_ns) deadlines_.erase({*item.deadline_ns, item.id});
  waiting_.erase(found);
}

Batcher::Taken Batcher::take(int64_t now_ns) {
  Taken taken;
  while (!deadlines_.empty() && deadlines_.begin()->first <= now_ns) {
    taken.expired.push_back(deadlines_.begin()->second);
    cancel(taken.expired.back());
  }
  if (waiting_.empty()) return taken;

  size_t cost = 0;
  size_t rows = 0;
  for (const uint64_t id : groups_.at(waiting_.begin()->second.group)) {
    const QueuedItem& item = waiting_.at(id);
    // Compared as "what is left", since an item's cost may be any number.
    const bool fits = cost <= limits_.max_cost && item.cost <= limits_.max_cost - cost &&
                      rows <= limits_.max_rows && item.rows <= limits_.max_rows - rows;
    if (!taken.batch.empty() && !fits) break;
    cost += item.cost;
    rows += item.rows;
    taken.batch.push_back(id);
  }
  for (const uint64_t id : taken.batch) cancel(id);
  return taken;
}

bool Batcher::cancel(uint64_t id) {
  const auto found = waiting_.find(id);
  if (found == waiting_.end()) return false;
  remove(found);
  return true;
}

}  // namespace neso
