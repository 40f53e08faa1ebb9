// SPDX-License-Identifier: Apache-2.0
#include "scheduling/rate_limiter.h"

#include <algorithm>
#include <utility>

namespace neso {

Result<std::unique_ptr<RateSeat>> RateLimiter::enroll(const InstanceResources& resources,
                                                      int device) {
  const bool needs_some =
      std::ranges::any_of(resources.needs, [](const ResourceNeed& need) { return need.count > 0; });
  if (!needs_some) return std::unique_ptr<RateSeat>();
  auto self = shared_from_this();
  MutexLock lock(mutex_);
  NESO_TRY(RatePolicy::Instance* const instance, policy_.add(resources, device));
  grant();  // there may be more of a resource now
  try {
    return std::make_unique<RateSeat>(std::move(self), *instance);
  } catch (...) {
    policy_.remove(*instance);
    throw;
  }
}

void RateLimiter::grant() {
  if (policy_.grant() > 0) granted_.notify_all();
}

RateSeat::~RateSeat() {
  MutexLock lock(limiter_->mutex_);
  limiter_->policy_.remove(instance_);
}

void RateSeat::take() {
  MutexLock lock(limiter_->mutex_);
  if (!waits_) {
    limiter_->policy_.wait(instance_);
    limiter_->grant();
  }
  waits_ = false;
  while (!RatePolicy::holds(instance_)) lock.wait(limiter_->granted_);
}

void RateSeat::give_back(bool again) {
  MutexLock lock(limiter_->mutex_);
  limiter_->policy_.release(instance_);
  if (again) limiter_->policy_.wait(instance_);
  waits_ = again;
  limiter_->grant();
}

}  // namespace neso
