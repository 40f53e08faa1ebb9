// SPDX-License-Identifier: Apache-2.0
#include "request/response_cache.h"

#include <fmt/format.h>

#include <algorithm>

#include "scheduling/job.h"

namespace neso {
namespace {

double whole_us(uint64_t ns) {
  const uint64_t us = ns / 1000;
  return static_cast<double>(us);
}

uint64_t since(int64_t start_ns, const Clock& clock) {
  return static_cast<uint64_t>(std::max<int64_t>(0, clock.now_ns() - start_ns));
}

}  // namespace

ResponseCache::ResponseCache(uint64_t capacity, MemoryBudget* budget, MetricRegistry& metrics)
    : share_(budget, MemoryUse::Model),
      cache_(capacity),
      util_(
          metrics.series("nv_cache_util", MetricKind::Gauge, "Cache utilization [0.0 - 1.0]", {})),
      entries_(metrics.series("nv_cache_num_entries", MetricKind::Gauge,
                              "Number of responses stored in response cache", {})),
      hits_(metrics.series("nv_cache_num_hits", MetricKind::Gauge,
                           "Number of cache hits in response cache", {})),
      misses_(metrics.series("nv_cache_num_misses", MetricKind::Gauge,
                             "Number of cache misses in response cache", {})),
      lookups_(metrics.series("nv_cache_num_lookups", MetricKind::Gauge,
                              "Number of cache lookups in response cache", {})),
      evictions_(metrics.series("nv_cache_num_evictions", MetricKind::Gauge,
                                "Number of cache evictions in response cache", {})),
      lookup_us_(metrics.series("nv_cache_lookup_duration", MetricKind::Gauge,
                                "Total cache lookup duration (hit and miss), in microseconds", {})),
      insertion_us_(metrics.series("nv_cache_insertion_duration", MetricKind::Gauge,
                                   "Total cache insertion duration, in microseconds", {})) {
  share_.set(capacity);
}

std::shared_ptr<const ResponseCache::Outputs> ResponseCache::find(const std::string& key,
                                                                  uint64_t& lookup_ns,
                                                                  const Clock& clock) {
  const int64_t start = clock.now_ns();
  auto found = cache_.find(key);
  lookup_ns = since(start, clock);
  lookups_->add(1);
  (found ? hits_ : misses_)->add(1);
  lookup_us_->add(whole_us(lookup_ns));
  return found;
}

uint64_t ResponseCache::put(std::string key, const Outputs& outputs, const Clock& clock) {
  const int64_t start = clock.now_ns();
  auto kept = std::make_shared<Outputs>();
  uint64_t bytes = 0;
  for (const auto& [name, tensor] : outputs) {
    // A copy: a view would keep the whole of what it looks at.
    const auto values = tensor.bytes();
    kept->push_back({name, Tensor(tensor.dtype(), tensor.shape(),
                                  std::vector<std::byte>(values.begin(), values.end()))});
    bytes += values.size() + name.size() + sizeof(NamedTensor);
  }
  cache_.put(std::move(key), std::move(kept), bytes);
  const uint64_t insertion_ns = since(start, clock);
  insertion_us_->add(whole_us(insertion_ns));
  const auto levels = cache_.levels();
  util_->set(static_cast<double>(levels.bytes) / static_cast<double>(cache_.capacity()));
  entries_->set(static_cast<double>(levels.entries));
  evictions_->set(static_cast<double>(levels.evictions));
  return insertion_ns;
}

ModelResponses::ModelResponses(std::shared_ptr<ResponseCache> cache, const MetricLabels& labels,
                               MetricRegistry& metrics, const Clock& clock)
    : cache_(std::move(cache)),
      prefix_(fmt::format("{}\n", cache_->next_load())),
      hits_(metrics.series("nv_cache_num_hits_per_model", MetricKind::Counter,
                           "Number of cache hits per model", labels)),
      hit_us_(metrics.series("nv_cache_hit_duration_per_model", MetricKind::Counter,
                             "Total cache hit duration per model, in microseconds", labels)),
      misses_(metrics.series("nv_cache_num_misses_per_model", MetricKind::Counter,
                             "Number of cache misses per model", labels)),
      miss_us_(metrics.series(
          "nv_cache_miss_duration_per_model", MetricKind::Counter,
          "Total cache miss (insert+lookup) duration per model, in microseconds", labels)) {
  if (!metrics.settings().summary_latencies) return;
  hit_summary_ =
      metrics.summary("nv_cache_hit_summary_per_model",
                      "Summary of cache hit duration per model, in microseconds", labels, clock);
  miss_summary_ = metrics.summary(
      "nv_cache_miss_summary_per_model",
      "Summary of cache miss (insert+lookup) duration per model, in microseconds", labels, clock);
}

// Every part with its length, inputs by name: their order does not matter, as it does not to the
// model.
std::string ModelResponses::key_of(const InferRequest& request) const {
  std::vector<const NamedTensor*> inputs;
  for (const NamedTensor& input : request.inputs) inputs.push_back(&input);
  std::ranges::sort(inputs, {}, &NamedTensor::name);
  std::string key = prefix_;
  for (const std::string& output : request.outputs)
    key += fmt::format("{}:{} ", output.size(), output);
  for (const NamedTensor* input : inputs) add_to_key(*input, key);
  return key;
}

void ModelResponses::count_hit(uint64_t ns) const {
  hits_->add(1);
  hit_us_->add(whole_us(ns));
  if (hit_summary_) hit_summary_->observe(static_cast<int64_t>(ns / 1000));
}

void ModelResponses::count_miss(uint64_t ns) const {
  misses_->add(1);
  miss_us_->add(whole_us(ns));
  if (miss_summary_) miss_summary_->observe(static_cast<int64_t>(ns / 1000));
}

}  // namespace neso
