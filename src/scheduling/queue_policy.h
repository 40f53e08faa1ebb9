// SPDX-License-Identifier: Apache-2.0
// A model's priorities and queue policies, as its config's dynamic_batching has them. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "config/model_config.h"

namespace neso {

class QueuePolicies {
 public:
  QueuePolicies() = default;
  explicit QueuePolicies(const DynamicBatching& batching);

  // The level that a request's priority means: 1 is served first. Without levels all are one, 0.
  uint64_t level_of(uint64_t priority) const;
  const QueuePolicy& of(uint64_t level) const;
  // When a request that enters the queue at `now_ns` has waited too long.
  std::optional<int64_t> waits_until(uint64_t level, uint64_t timeout_us, int64_t now_ns) const;
  bool preserves_ordering() const { return preserves_ordering_; }

 private:
  uint64_t levels_ = 0;
  uint64_t default_level_ = 0;
  QueuePolicy default_;
  std::map<uint64_t, QueuePolicy> by_level_;
  bool preserves_ordering_ = false;
};

}  // namespace neso
