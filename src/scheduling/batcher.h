// SPDX-License-Identifier: Apache-2.0
// Which waiting items an engine takes next: pure policy, without threads or a clock of its own.
// Levels of priority are served strictly in order. Within one, small requests go before bulk ones,
// which still get a fifth of the engine, and clients take turns within each lane. Items of one
// group (equal shapes, one kind of work) can share a batch; no group waits for another one, since a
// batch is filled with the group of whoever's turn it is.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "scheduling/fair_queue.h"

namespace neso {

enum class Lane {
  Interactive,
  Bulk,
  Delayed,  // waited longer than its queue policy allows (DELAY): after all others of its level
};

constexpr size_t kUnlimited = std::numeric_limits<size_t>::max();

struct BatchLimits {
  size_t max_cost = kUnlimited;  // of a batch, in tokens
  size_t max_rows = kUnlimited;
  // Of a batch that bulk work starts: a small request that comes while it runs waits for its end.
  size_t bulk_cost = kUnlimited;
  // Up to where a batch of small requests is topped up with bulk work: they wait for its end, too.
  size_t top_up_cost = kUnlimited;
  // A request of more than that, in tokens or, of a graph, in rows, is bulk.
  size_t interactive_cost = kUnlimited;
  size_t interactive_rows = kUnlimited;
  // Sizes, ascending, at which a batch is best: it does not grow beyond the largest, and ends at
  // one while its oldest item has not waited max_delay_ns. Nothing waits for a batch to grow.
  std::vector<size_t> preferred_rows = {};
  int64_t max_delay_ns = 0;
};

Lane lane_of(size_t request_cost, size_t request_rows, const BatchLimits& limits);

struct QueuedItem {
  uint64_t id = 0;  // ascending with arrival
  size_t cost = 1;  // tokens
  size_t rows = 1;
  std::string group = {};
  std::optional<int64_t> deadline_ns = {};  // from then on it is handed back instead of being run
  std::optional<int64_t> delay_ns = {};     // from then on it is Delayed
  uint64_t level = 0;                       // of priority, the least first
  Lane lane = Lane::Interactive;
  uint64_t client = 0;  // who takes turns with the others
  int64_t queued_ns = 0;
};

// One thread at a time.
class Batcher {
 public:
  // What bulk work gets of the engine while small requests wait as well.
  static constexpr double kBulkShare = 0.2;

  explicit Batcher(BatchLimits limits);

  // Without memory it throws and nothing changes.
  void push(QueuedItem item);

  struct Taken {
    std::vector<uint64_t> batch;     // one group, in the order of turns; empty when nothing waits
    size_t cost = 0;                 // of the batch
    std::vector<uint64_t> expired;   // whose deadline is not after `now`, most overdue first
    std::vector<uint64_t> unwanted;  // met on the way
  };
  // Removes and answers the next batch: the item whose turn it is, whatever it costs, and others of
  // its group for as long as they fit. What is not `wanted` any more takes no place in it. Without
  // memory it throws and nothing is lost.
  using Wanted = std::function<bool(uint64_t)>;
  Taken take(int64_t now_ns, const Wanted& wanted = nullptr);

  // From now on bulk work starts no batch of more than that, nor fills one up beyond it; the limits
  // hold as well.
  void keep_bulk_below(size_t cost) { bulk_cost_ = cost; }

  // Removes what has reached its deadline, and answers it, most overdue first. Without memory it
  // throws and nothing changes.
  std::vector<uint64_t> expire(int64_t now_ns);
  std::optional<int64_t> next_deadline_ns() const {
    return deadlines_.empty() ? std::nullopt : std::optional(deadlines_.begin()->first);
  }

  // Removes one waiting item; false when it does not wait (any more).
  bool cancel(uint64_t id);

  size_t size() const { return waiting_.size(); }
  size_t size(Lane lane) const { return lane_sizes_[static_cast<size_t>(lane)]; }
  size_t cost() const { return cost_; }
  size_t cost(Lane lane) const { return lane_costs_[static_cast<size_t>(lane)]; }
  // What the engines do before a request of `cost` at that place, if nothing else comes.
  size_t cost_before(const QueuedItem& place, size_t cost) const;

 private:
  using Waiting = std::map<uint64_t, QueuedItem>;
  struct Level {
    std::array<FairQueue, 3> lanes;  // by Lane
    double bulk_owed = 0;            // cost; above 0 it is bulk's turn
    bool empty() const;
  };
  using Levels = std::map<uint64_t, Level>;
  class Filling;

  static FairQueue::Entry entry(const QueuedItem& item);
  FairQueue& queue_of(const QueuedItem& item);
  void count(const QueuedItem& item, bool more);
  void remove(Waiting::iterator item, bool served);
  std::vector<uint64_t> overdue(int64_t now_ns) const;
  void delay(int64_t now_ns);
  static std::optional<uint64_t> first(const Level& level, const Wanted& wanted);
  void settle(Level& level, const std::vector<uint64_t>& batch, bool both_wait) const;
  void end_at_preferred(std::vector<uint64_t>& batch, int64_t now_ns) const;

  BatchLimits limits_;  // constant, bulk_cost and top_up_cost within max_cost
  size_t bulk_cost_ = kUnlimited;
  Waiting waiting_;  // by id, so by arrival
  Levels levels_;    // none empty
  std::set<std::pair<int64_t, uint64_t>> deadlines_;
  std::set<std::pair<int64_t, uint64_t>> delays_;
  std::array<size_t, 3> lane_costs_ = {};
  std::array<size_t, 3> lane_sizes_ = {};
  size_t cost_ = 0;
};

}  // namespace neso
