// SPDX-License-Identifier: Apache-2.0
// Triton's response cache (--cache-config=local,size=BYTES, and response_cache in a model's
// config): answers of infer requests, found again by model, version and inputs. A version that is
// loaded anew finds nothing of its predecessor's.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/memory_budget.h"
#include "base/metric_summary.h"
#include "base/metrics.h"
#include "request/requests.h"
#include "scheduling/byte_cache.h"

namespace neso {

// One for the server. Any thread.
class ResponseCache {
 public:
  using Outputs = std::vector<NamedTensor>;

  // Its capacity is taken out of the budget, which may be null and outlives it, as `metrics` does.
  ResponseCache(uint64_t capacity, MemoryBudget* budget, MetricRegistry& metrics);

  std::shared_ptr<const Outputs> find(const std::string& key, uint64_t& lookup_ns,
                                      const Clock& clock);
  // Answers how long that took.
  uint64_t put(std::string key, const Outputs& outputs, const Clock& clock);

  // A number that no other load of any model has.
  uint64_t next_load() { return loads_.fetch_add(1); }

 private:
  using Gauge = std::shared_ptr<Metric>;
  MemoryShare share_;
  ByteCache<Outputs> cache_;
  std::atomic<uint64_t> loads_ = 0;
  const Gauge util_, entries_, hits_, misses_, lookups_, evictions_, lookup_us_, insertion_us_;
};

// One model version's part of the cache, with its counters. Any thread.
class ModelResponses {
 public:
  // `metrics` and `clock` outlive it.
  ModelResponses(std::shared_ptr<ResponseCache> cache, const MetricLabels& labels,
                 MetricRegistry& metrics, const Clock& clock);

  // What tells a request from all that are answered differently.
  std::string key_of(const InferRequest& request) const;
  ResponseCache& cache() const { return *cache_; }
  void count_hit(uint64_t ns) const;
  void count_miss(uint64_t ns) const;

 private:
  using Counter = std::shared_ptr<Metric>;
  const std::shared_ptr<ResponseCache> cache_;
  const std::string prefix_;
  const Counter hits_, hit_us_, misses_, miss_us_;
  std::shared_ptr<SummaryMetric> hit_summary_, miss_summary_;  // null unless summary_latencies=true
};

}  // namespace neso
