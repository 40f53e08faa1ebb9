// SPDX-License-Identifier: Apache-2.0
#include "scheduling/queue_metrics.h"

#include <string>
#include <string_view>

namespace neso {
namespace {

constexpr std::array<std::string_view, 3> kLanes = {"interactive", "bulk", "delayed"};
constexpr std::array<std::string_view, 5> kReasons = {"queue_full", "deadline", "too_large",
                                                      "memory", "stopping"};

MetricLabels with(MetricLabels labels, std::string_view name, std::string_view value) {
  labels.emplace_back(name, value);
  return labels;
}

}  // namespace

QueueMetrics::QueueMetrics(const MetricLabels& labels, MetricRegistry& metrics) {
  for (size_t lane = 0; lane < kLanes.size(); ++lane) {
    works_[lane] = metrics.series("neso_queue_works", MetricKind::Gauge,
                                  "Texts, or requests to a graph, that wait for an engine",
                                  with(labels, "lane", kLanes[lane]));
    tokens_[lane] = metrics.series(
        "neso_queue_tokens", MetricKind::Gauge,
        "Tokens that wait for an engine; of a graph's inputs eight bytes count as one",
        with(labels, "lane", kLanes[lane]));
  }
  for (size_t reason = 0; reason < kReasons.size(); ++reason) {
    refusals_[reason] = metrics.series("neso_queue_refusals_total", MetricKind::Counter,
                                       "Requests that were not let into the queue",
                                       with(labels, "reason", kReasons[reason]));
  }
}

void QueueMetrics::count_refusal(RefusalReason reason) const {
  refusals_[static_cast<size_t>(reason)]->add(1);
}

void QueueMetrics::show(const Batcher& batcher) const {
  for (const Lane lane : {Lane::Interactive, Lane::Bulk, Lane::Delayed}) {
    works_[static_cast<size_t>(lane)]->set(static_cast<double>(batcher.size(lane)));
    tokens_[static_cast<size_t>(lane)]->set(static_cast<double>(batcher.cost(lane)));
  }
}

}  // namespace neso
