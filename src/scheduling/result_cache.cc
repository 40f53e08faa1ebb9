// SPDX-License-Identifier: Apache-2.0
#include "scheduling/result_cache.h"

#include <utility>

#include "base/contain.h"

namespace neso {
namespace {

using Vector = std::vector<float>;

bool is_vector(const Job& job) {
  const auto* sequence = std::get_if<SequenceWork>(&job.work);
  return sequence != nullptr && !sequence->token_states;
}

// Hands the result on and keeps it, if it is one.
Completion<JobOutput> keeping(std::shared_ptr<ResultCache> cache, std::string key,
                              Completion<JobOutput> done) {
  const auto shared = std::make_shared<Completion<JobOutput>>(std::move(done));
  return Completion<JobOutput>(
      [cache = std::move(cache), key = std::move(key), shared](Result<JobOutput> result) mutable {
        if (result) {
          contain("keeping a result", [&] {
            auto kept = std::make_shared<const Vector>(std::get<Vector>(*result));
            const uint64_t bytes = kept->size() * sizeof(float);
            cache->vectors().put(std::move(key), std::move(kept), bytes);
          });
        }
        (*shared)(std::move(result));
      });
}

}  // namespace

void ModelResults::answer(std::vector<Job>& jobs, int64_t now_ns) const {
  std::vector<std::pair<Job, std::shared_ptr<const Vector>>> hits;
  std::vector<Job> others;
  size_t misses = 0;
  for (Job& job : jobs) {
    if (is_vector(job)) {
      std::string key = identity_ + work_key(job.work);
      if (auto kept = cache_->vectors().find(key)) {
        hits.emplace_back(std::move(job), std::move(kept));
        continue;
      }
      ++misses;
      job.done = keeping(cache_, std::move(key), std::move(job.done));
    }
    others.push_back(std::move(job));
  }
  hits_->add(static_cast<double>(hits.size()));
  misses_->add(static_cast<double>(misses));
  jobs = std::move(others);
  if (jobs.empty() && !hits.empty()) {  // otherwise the queue counts the request
    hits.front().first.scope->queued();
    hits.front().first.scope->left_queue(now_ns);
  }
  for (auto& [job, kept] : hits)
    contain("answering a request", [&] { job.done(JobOutput(*kept)); });
}

}  // namespace neso
