// SPDX-License-Identifier: Apache-2.0
// Vectors of earlier requests, kept for when the same ids come again (--result-cache). One cache
// for the whole server, bounded in bytes; a model finds in it what the same files in the same
// precision have computed, also before a reload.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/memory_budget.h"
#include "base/metrics.h"
#include "scheduling/byte_cache.h"
#include "scheduling/job.h"

namespace neso {

// Any thread.
class ResultCache {
 public:
  // Its capacity is taken out of the budget, which may be null and outlives it.
  ResultCache(uint64_t capacity, MemoryBudget* budget) : cache_(capacity) {
    share_ = MemoryShare(budget, MemoryUse::Model);
    share_.set(capacity);
  }
  ByteCache<std::vector<float>>& vectors() { return cache_; }

 private:
  MemoryShare share_;
  ByteCache<std::vector<float>> cache_;
};

// One model version's part of the cache. Any thread.
class ModelResults {
 public:
  // `identity` tells the version's content, settings and precision from all others'.
  ModelResults(std::shared_ptr<ResultCache> cache, std::string identity,
               std::shared_ptr<Metric> hits, std::shared_ptr<Metric> misses)
      : cache_(std::move(cache)),
        identity_(std::move(identity)),
        hits_(std::move(hits)),
        misses_(std::move(misses)) {}

  // Completes the jobs of a request whose vectors are there and removes them; those of the others
  // are kept when they come.
  void answer(std::vector<Job>& jobs, int64_t now_ns) const;

 private:
  const std::shared_ptr<ResultCache> cache_;
  const std::string identity_;
  const std::shared_ptr<Metric> hits_, misses_;
};

}  // namespace neso
