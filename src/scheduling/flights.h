// SPDX-License-Identifier: Apache-2.0
// Identical work is computed once: what waits or runs is a flight, which others that want the same
// join, each with a completion of his own. None of them waits for longer than alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/thread_annotations.h"
#include "scheduling/batcher.h"
#include "scheduling/job.h"

namespace neso {

// Made with std::make_shared. Any thread; completions are called without a lock.
class Flights : public std::enable_shared_from_this<Flights> {
 public:
  // What decides how soon a job runs.
  struct Terms {
    uint64_t level = 0;
    Lane lane = Lane::Interactive;
    std::optional<int64_t> deadline_ns = {};
  };

  // Is there a flight of that key, which runs or is served no later than the terms demand?
  bool has(const std::string& key, const Terms& terms) const EXCLUDES(mutex_);
  // The same, and `done` gets its answer. Otherwise nothing changes.
  bool join(const std::string& key, const Terms& terms, Completion<JobOutput>& done)
      EXCLUDES(mutex_);
  // Makes a flight of a job: its completion becomes one that answers all who have joined, and
  // Job::flight its number. Where another flight has the key the job stays alone.
  void open(std::string key, const Terms& terms, Job& job) EXCLUDES(mutex_);

  bool joined(uint64_t flight) const EXCLUDES(mutex_);  // by anybody
  void runs(uint64_t flight) EXCLUDES(mutex_);
  // Nobody may join any more.
  void close(uint64_t flight) EXCLUDES(mutex_);

  uint64_t joins() const EXCLUDES(mutex_);  // so far

 private:
  struct Flight {
    const std::string* key = nullptr;  // in by_key_; null: closed
    Terms terms = {};
    bool running = false;
    Completion<JobOutput> done = {};
    std::vector<Completion<JobOutput>> joined = {};
  };
  std::optional<uint64_t> find(const std::string& key, const Terms& terms) const REQUIRES(mutex_);
  void close(Flight& flight) REQUIRES(mutex_);
  void landed(uint64_t flight, Result<JobOutput> result) EXCLUDES(mutex_);

  mutable Mutex mutex_;
  std::unordered_map<std::string, uint64_t> by_key_ GUARDED_BY(mutex_);
  std::map<uint64_t, Flight> flights_ GUARDED_BY(mutex_);
  uint64_t next_ GUARDED_BY(mutex_) = 1;
  uint64_t joins_ GUARDED_BY(mutex_) = 0;
};

}  // namespace neso
