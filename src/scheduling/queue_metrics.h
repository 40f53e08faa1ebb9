// SPDX-License-Identifier: Apache-2.0
// What one model's queue looks like from outside: how much waits in each lane, and what was not let
// in, and why.
#pragma once

#include <array>
#include <cstddef>
#include <memory>

#include "base/metrics.h"
#include "base/result.h"
#include "scheduling/batcher.h"

namespace neso {

enum class RefusalReason {
  QueueFull,
  Deadline,  // the answer would come too late
  TooLarge,  // it would not fit into an empty queue
  Memory,
  Stopping,  // the model is
};

// Why a request did not enter a queue.
struct Refusal {
  RefusalReason reason = RefusalReason::QueueFull;
  Error error = {};
};

// Any thread.
class QueueMetrics {
 public:
  // Every series is there from the start, at zero, and goes with this.
  QueueMetrics(const MetricLabels& labels, MetricRegistry& metrics);

  void count_refusal(RefusalReason reason) const;
  void show(const Batcher& batcher) const;  // whoever may use that one

 private:
  using Series = std::shared_ptr<Metric>;
  std::array<Series, 3> works_, tokens_;  // by Lane
  std::array<Series, 5> refusals_;        // by RefusalReason
};

}  // namespace neso
