// SPDX-License-Identifier: Apache-2.0
#include "scheduling/admission.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace neso {
namespace {

constexpr double kMemoryNs = 2e9;  // of busy time: after it a change of speed counts by two thirds
constexpr double kFirstWordNs = 50e6;  // less tells nothing
// One batch counts for no more, and for no more than so many times what it should have taken: a
// machine that stood still meanwhile says nothing of the speed. Engines that did become so slow
// say it with every batch.
constexpr double kStoodStillNs = 500e6;
constexpr double kMostTimesSlower = 10;
constexpr double kLeastRetryMs = 20;
constexpr double kMostRetryMs = 30'000;
// Of the estimate: an engine may slow down while a request waits, and others may have their turn
// before it. What fills a caller's time to the last is often late.
constexpr double kReserve = 0.25;

double ms_for(double cost, double cost_per_second) {
  return cost_per_second > 0 ? cost / cost_per_second * 1e3 : 0;
}

uint32_t retry_after(double ms) {
  return static_cast<uint32_t>(std::ceil(std::clamp(ms, kLeastRetryMs, kMostRetryMs)));
}

}  // namespace

void ServiceRate::ran(size_t cost, int64_t busy_ns) {
  const double expected = cost_ > 0 ? static_cast<double>(cost) * busy_ns_ / cost_ : 0;
  const double most = std::max(kStoodStillNs, kMostTimesSlower * expected);
  const double busy = std::min(static_cast<double>(std::max<int64_t>(busy_ns, 1)), most);
  const double kept = std::exp(-busy / kMemoryNs);
  cost_ = cost_ * kept + static_cast<double>(cost);
  busy_ns_ = busy_ns_ * kept + busy;
}

double ServiceRate::cost_per_second(size_t engines) const {
  if (busy_ns_ < kFirstWordNs) return 0;
  return cost_ / busy_ns_ * 1e9 * static_cast<double>(engines);
}

std::optional<Error> late_answer(const Workload& load, std::optional<int64_t> deadline_ns,
                                 int64_t now_ns) {
  if (load.cost_per_second <= 0) return std::nullopt;
  const double wait_ms = ms_for(static_cast<double>(load.cost_before), load.cost_per_second);
  const double run_ms = ms_for(static_cast<double>(load.cost), load.cost_per_second);
  Error error;
  double late_ms = 0;
  if (deadline_ns) {
    const double left_ms = static_cast<double>(*deadline_ns - now_ns) / 1e6;
    // An idle engine takes all that it can do in time: later would be no better.
    const double reserve_ms = load.cost_before > 0 ? kReserve * (wait_ms + run_ms) : 0;
    late_ms = wait_ms + run_ms + reserve_ms - left_ms;
    if (late_ms <= 0) return std::nullopt;
    error = overloaded(
        "the answer would come too late: of the {:.0f} ms that the caller waits, {:.0f} ms go into "
        "work that is queued before the request, {:.0f} ms into its own, and {:.0f} ms are kept in "
        "reserve; try again later",
        std::max(0.0, left_ms), wait_ms, run_ms, reserve_ms);
  } else {
    late_ms = wait_ms - static_cast<double>(kLongestWaitNs) / 1e6;
    if (late_ms <= 0) return std::nullopt;
    error = overloaded(
        "{:.0f} s of work are queued before the request, which is more than anybody waits; try "
        "again later",
        wait_ms / 1e3);
  }
  error.retry_after_ms = retry_after(late_ms);
  return error;
}

Error full_queue(const Workload& load) {
  Error error = overloaded("Exceeds maximum queue size");
  if (load.cost_per_second > 0) {
    error.retry_after_ms =
        retry_after(ms_for(static_cast<double>(load.cost), load.cost_per_second));
  }
  return error;
}

}  // namespace neso
