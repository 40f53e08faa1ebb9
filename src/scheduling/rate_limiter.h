// SPDX-License-Identifier: Apache-2.0
// --rate-limit=execution_count: engines of all models wait here until they have the resources that
// their configs ask for. A RatePolicy behind a mutex.
#pragma once

#include <condition_variable>
#include <memory>
#include <vector>

#include "base/result.h"
#include "base/thread_annotations.h"
#include "config/rate_limits.h"
#include "scheduling/rate_policy.h"

namespace neso {

class RateSeat;

// Made with std::make_shared. Any thread.
class RateLimiter : public std::enable_shared_from_this<RateLimiter> {
 public:
  explicit RateLimiter(std::vector<ResourceLimit> limits) : policy_(std::move(limits)) {}

  // Of an engine on that device; null when it needs nothing, and never waits. Refuses, in Triton's
  // words, an engine that could never run.
  Result<std::unique_ptr<RateSeat>> enroll(const InstanceResources& resources, int device)
      EXCLUDES(mutex_);

 private:
  friend class RateSeat;
  void grant() REQUIRES(mutex_);

  Mutex mutex_;
  std::condition_variable granted_;
  RatePolicy policy_ GUARDED_BY(mutex_);
};

// One engine's. It is the engine's thread that waits, while that holds nothing that another one
// could wait for: whoever has resources gives them back. One thread at a time.
class RateSeat {
 public:
  RateSeat(std::shared_ptr<RateLimiter> limiter, RatePolicy::Instance& instance)
      : limiter_(std::move(limiter)), instance_(instance) {}
  ~RateSeat();
  RateSeat(const RateSeat&) = delete;
  RateSeat& operator=(const RateSeat&) = delete;

  // Returns when the engine has its resources.
  void take();
  // `again`: it waits for them anew from this moment on, so that others do not pass it meanwhile;
  // then take() must follow, or it would keep what it is given.
  void give_back(bool again);

 private:
  const std::shared_ptr<RateLimiter> limiter_;
  RatePolicy::Instance& instance_;  // of the limiter
  bool waits_ = false;
};

}  // namespace neso
