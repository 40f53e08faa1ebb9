// SPDX-License-Identifier: Apache-2.0
// The jobs that wait at one model: which may enter, and which an engine gets next. A Batcher with
// the jobs themselves and the model's queue policies; no thread, and the time is passed in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "scheduling/answer_order.h"
#include "scheduling/batcher.h"
#include "scheduling/flights.h"
#include "scheduling/job.h"
#include "scheduling/queue_metrics.h"
#include "scheduling/queue_policy.h"

namespace neso {

struct JobQueueOptions {
  BatchLimits limits = {};
  size_t max_queued_cost = size_t{1} << 24;  // tokens that may wait in a lane; more is Overloaded
  bool engine_pads = false;                  // see job_group
  // While small requests come, a bulk batch takes an engine no longer than that; 0: any time.
  int64_t short_batch_ns = 0;
  QueuePolicies policies = {};
  bool join_tensors = false;  // identical requests to a graph are answered by one run, too
};

// One thread at a time.
class JobQueue {
 public:
  explicit JobQueue(JobQueueOptions options);

  struct Engines {
    double cost_per_second = 0;  // of all together; 0: not known
    size_t running_cost = 0;
    size_t count = 1;
    int64_t ran_ns = 0;  // when the last batch ended
  };
  // Takes all the jobs of one request (they share a scope), or leaves them all and says why: the
  // queue is full, the answer would come too late, or they can never fit. Not empty. A job whose
  // work is in flight already joins that.
  std::optional<Refusal> push(std::vector<Job>& jobs, const Engines& engines, int64_t now_ns);

  struct Queued {
    Job job = {};
    uint64_t request = 0;  // the id of the first job of the same one
  };
  using Jobs = std::map<uint64_t, Queued>;  // by arrival
  struct Pulled {
    Jobs batch;
    size_t batch_cost = 0;
    Jobs expired;   // waited longer than their client or their policy allows
    Jobs unwanted;  // their clients left
    bool empty() const { return batch.empty() && expired.empty() && unwanted.empty(); }
  };
  // Without memory it throws, and nothing is lost.
  Pulled take(int64_t now_ns, const Engines& engines);
  Pulled take(int64_t now_ns) { return take(now_ns, Engines()); }

  // What has reached its deadline leaves without an engine. The same holds for memory.
  Jobs expire(int64_t now_ns);
  std::optional<int64_t> next_deadline_ns() const { return batcher_.next_deadline_ns(); }

  const Batcher& batcher() const { return batcher_; }
  size_t cost() const { return batcher_.cost(); }
  bool empty() const { return jobs_.empty(); }
  uint64_t joins() const { return flights_->joins(); }

 private:
  // A request some of whose jobs wait.
  struct Request {
    uint64_t level = 0;
    size_t jobs = 0;
  };
  using Requests = std::map<uint64_t, Request>;  // by the id of their first job
  struct Place {
    size_t cost = 0;
    size_t rows = 0;
    Flights::Terms terms = {};
    uint64_t request = 0;  // the id of its first job
  };
  Place place_of(const std::vector<Job>& jobs) const;
  // Of the works that others may join, by job; empty where none may.
  std::vector<std::string> keys_of(const std::vector<Job>& jobs, const Place& place) const;
  std::optional<Refusal> refusal(const Place& place, const Job& job, const Engines& engines,
                                 int64_t now_ns) const;
  uint64_t client_of(const Job& job) const;
  void add(Job& job, std::string key, const Place& place, int64_t now_ns);
  Jobs release(const std::vector<uint64_t>& ids);
  void begin(const Place& place);
  void take_back(std::vector<Job>& jobs, const std::vector<size_t>& added, uint64_t request);
  void end(Requests::iterator request);
  size_t bulk_cost(int64_t now_ns, const Engines& engines) const;

  const JobQueueOptions options_;
  Batcher batcher_;
  Jobs jobs_;
  std::shared_ptr<AnswerOrder> order_;  // null: answers leave when they are there
  const std::shared_ptr<Flights> flights_ = std::make_shared<Flights>();
  Requests requests_;
  std::map<uint64_t, size_t> waiting_;    // requests, by level
  std::optional<int64_t> last_small_ns_;  // when the last interactive request came
  uint64_t next_id_ = 1;
};

}  // namespace neso
