// SPDX-License-Identifier: Apache-2.0
// The jobs that wait at one model: which may enter, and which an engine gets next. A Batcher with
// the jobs themselves and the model's queue policies; no thread, and the time is passed in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/result.h"
#include "serving/answer_order.h"
#include "serving/batcher.h"
#include "serving/job.h"
#include "serving/queue_policy.h"

namespace neso {

struct JobQueueOptions {
  BatchLimits limits = {};
  size_t max_queued_cost = size_t{1} << 24;  // tokens that may wait in a lane; more is Overloaded
  bool engine_pads = false;                  // see job_group
  QueuePolicies policies = {};
};

// One thread at a time.
class JobQueue {
 public:
  explicit JobQueue(JobQueueOptions options);

  struct Engines {
    double cost_per_second = 0;  // of all together; 0: not known
    size_t running_cost = 0;
  };
  // Takes all the jobs of one request (they share a scope), or leaves them all and says why: the
  // queue is full, the answer would come too late, or they can never fit. Not empty.
  std::optional<Error> push(std::vector<Job>& jobs, const Engines& engines, int64_t now_ns);

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
  Pulled take(int64_t now_ns);

  size_t cost() const { return batcher_.cost(); }

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
    Lane lane = Lane::Interactive;
    uint64_t level = 0;
  };
  Place place_of(const std::vector<Job>& jobs) const;
  std::optional<Error> refusal(const Place& place, const Job& job, const Engines& engines,
                               int64_t now_ns) const;
  uint64_t client_of(const Job& job) const;
  void add(Job& job, const Place& place, uint64_t request, int64_t now_ns);
  Jobs release(const std::vector<uint64_t>& ids);
  void end(Requests::iterator request);

  const JobQueueOptions options_;
  Batcher batcher_;
  Jobs jobs_;
  std::shared_ptr<AnswerOrder> order_;  // null: answers leave when they are there
  Requests requests_;
  std::map<uint64_t, size_t> waiting_;  // requests, by level
  uint64_t next_id_ = 1;
};

}  // namespace neso
