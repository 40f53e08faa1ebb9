// SPDX-License-Identifier: Apache-2.0
#include "serving/batcher.h"

#include <algorithm>

#include "base/check.h"

namespace neso {

void Batcher::push(QueuedItem item) {
  NESO_CHECK(waiting_.empty() || waiting_.rbegin()->first < item.id);
  const auto added = waiting_.emplace_hint(waiting_.end(), item.id, std::move(item));
  const QueuedItem& waiting = added->second;
  cost_ += waiting.cost;
  try {
    groups_[waiting.group].insert(waiting.id);
    if (waiting.deadline_ns) deadlines_.emplace(*waiting.deadline_ns, waiting.id);
  } catch (...) {
    remove(added);
    throw;
  }
}

// Also of an item that push() could not finish.
void Batcher::remove(Waiting::iterator found) {
  const QueuedItem& item = found->second;
  cost_ -= item.cost;
  if (const auto group = groups_.find(item.group); group != groups_.end()) {
    group->second.erase(item.id);
    if (group->second.empty()) groups_.erase(group);
  }
  if (item.deadline_ns) deadlines_.erase({*item.deadline_ns, item.id});
  waiting_.erase(found);
}

template <typename Waits>
void Batcher::choose(const std::set<uint64_t>& group, const Waits& waits,
                     std::vector<uint64_t>& batch) const {
  size_t cost = 0;
  size_t rows = 0;
  for (const uint64_t id : group) {
    const QueuedItem& item = waiting_.at(id);
    if (!waits(item)) continue;
    // Compared as "what is left", since an item's cost may be any number.
    const bool fits = cost <= limits_.max_cost && item.cost <= limits_.max_cost - cost &&
                      rows <= limits_.max_rows && item.rows <= limits_.max_rows - rows;
    if (!batch.empty() && !fits) break;
    cost += item.cost;
    rows += item.rows;
    batch.push_back(id);
  }
}

// Chooses first and removes then: once an item is removed nothing may fail, or nobody would ever
// answer for it.
Batcher::Taken Batcher::take(int64_t now_ns) {
  Taken taken;
  for (const auto& [deadline_ns, id] : deadlines_) {
    if (deadline_ns > now_ns) break;
    taken.expired.push_back(id);
  }
  const auto waits = [now_ns](const QueuedItem& item) {
    return !item.deadline_ns || *item.deadline_ns > now_ns;
  };
  const auto oldest =
      std::ranges::find_if(waiting_, [&](const auto& entry) { return waits(entry.second); });
  if (oldest != waiting_.end()) choose(groups_.at(oldest->second.group), waits, taken.batch);
  for (const uint64_t id : taken.expired) cancel(id);
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
