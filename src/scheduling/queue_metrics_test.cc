// SPDX-License-Identifier: Apache-2.0
#include "scheduling/queue_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace neso {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(QueueMetrics, ShowsWhatWaitsByLaneAndCountsRefusalsByReason) {
  MetricRegistry registry;
  {
    const QueueMetrics metrics({{"model", "m"}}, registry);
    EXPECT_THAT(registry.text(), HasSubstr("neso_queue_works{lane=\"bulk\",model=\"m\"} 0\n"));
    Batcher batcher({});
    batcher.push({.id = 1, .cost = 7});
    batcher.push({.id = 2, .cost = 600, .lane = Lane::Bulk});
    batcher.push({.id = 3, .cost = 700, .lane = Lane::Bulk});
    batcher.push({.id = 4, .cost = 3, .delay_ns = 5});
    batcher.take(5, [](uint64_t) { return false; });  // all are unwanted
    metrics.show(batcher);
    EXPECT_THAT(registry.text(), HasSubstr("neso_queue_works{lane=\"bulk\",model=\"m\"} 0\n"));
    batcher.push({.id = 5, .cost = 600, .lane = Lane::Bulk});
    batcher.push({.id = 6, .cost = 700, .lane = Lane::Bulk});
    metrics.show(batcher);
    metrics.count_refusal(RefusalReason::Deadline);
    for (const char* line : {"neso_queue_works{lane=\"interactive\",model=\"m\"} 0\n",
                             "neso_queue_works{lane=\"bulk\",model=\"m\"} 2\n",
                             "neso_queue_tokens{lane=\"bulk\",model=\"m\"} 1300\n",
                             "neso_queue_tokens{lane=\"delayed\",model=\"m\"} 0\n",
                             "neso_queue_refusals_total{model=\"m\",reason=\"deadline\"} 1\n",
                             "neso_queue_refusals_total{model=\"m\",reason=\"queue_full\"} 0\n"}) {
      EXPECT_THAT(registry.text(), HasSubstr(line));
    }
  }
  EXPECT_THAT(registry.text(), Not(HasSubstr("neso_queue")));
}

}  // namespace
}  // namespace neso
