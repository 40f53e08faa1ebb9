// SPDX-License-Identifier: Apache-2.0
#include "scheduling/queue_policy.h"

#include <algorithm>

namespace neso {

QueuePolicies::QueuePolicies(const DynamicBatching& batching)
    : levels_(batching.priority_levels),
      default_level_(batching.priority_levels == 0 ? 0 : batching.default_priority_level),
      default_(batching.default_queue_policy),
      by_level_(batching.priority_queue_policies),
      preserves_ordering_(batching.preserve_ordering) {}

uint64_t QueuePolicies::level_of(uint64_t priority) const {
  return priority == 0 || priority > levels_ ? default_level_ : priority;
}

const QueuePolicy& QueuePolicies::of(uint64_t level) const {
  const auto own = by_level_.find(level);
  return own == by_level_.end() ? default_ : own->second;
}

std::optional<int64_t> QueuePolicies::waits_until(uint64_t level, uint64_t timeout_us,
                                                  int64_t now_ns) const {
  const QueuePolicy& policy = of(level);
  uint64_t wait_us = policy.default_timeout_us;
  if (policy.allow_timeout_override && timeout_us != 0) wait_us = std::min(wait_us, timeout_us);
  if (wait_us == 0) return std::nullopt;
  constexpr uint64_t kLongestUs = INT64_MAX / 4000;
  return now_ns + static_cast<int64_t>(std::min(wait_us, kLongestUs)) * 1000;
}

}  // namespace neso
