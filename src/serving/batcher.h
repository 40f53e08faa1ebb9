// SPDX-License-Identifier: Apache-2.0
// Which waiting items an engine takes next: pure policy, without threads or a clock of its own.
// Items of one group (equal shapes, one kind of work) can share a batch and keep their order; a
// group never waits for another one, since every batch starts with the oldest item of all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace neso {

struct BatchLimits {
  size_t max_cost = std::numeric_limits<size_t>::max();  // of a batch, in tokens
  size_t max_rows = std::numeric_limits<size_t>::max();
};

struct QueuedItem {
  uint64_t id = 0;  // ascending with arrival
  size_t cost = 1;  // tokens
  size_t rows = 1;
  std::string group = {};
  std::optional<int64_t> deadline_ns = {};  // from then on it is handed back instead of being run
};

// One thread at a time.
class Batcher {
 public:
  explicit Batcher(const BatchLimits& limits) : limits_(limits) {}

  // Without memory it throws and nothing changes.
  void push(QueuedItem item);

  struct Taken {
    std::vector<uint64_t> batch;    // one group, in order of arrival; empty when nothing waits
    std::vector<uint64_t> expired;  // whose deadline is not after `now`, most overdue first
  };
  // Removes and answers the next batch: the oldest item, whatever it costs, and those behind it in
  // its group for as long as they fit. Without memory it throws and nothing changes.
  Taken take(int64_t now_ns);

  // Removes one waiting item; false when it does not wait (any more).
  bool cancel(uint64_t id);

  size_t size() const { return waiting_.size(); }
  size_t cost() const { return cost_; }

 private:
  using Waiting = std::map<uint64_t, QueuedItem>;
  void remove(Waiting::iterator item);
  // The first of a group that fit together, of those that wait.
  template <typename Waits>
  void choose(const std::set<uint64_t>& group, const Waits& waits,
              std::vector<uint64_t>& batch) const;

  const BatchLimits limits_;
  Waiting waiting_;                                   // by id, so by arrival
  std::map<std::string, std::set<uint64_t>> groups_;  // ids by group, none empty
  std::set<std::pair<int64_t, uint64_t>> deadlines_;
  size_t cost_ = 0;
};

}  // namespace neso
