// SPDX-License-Identifier: Apache-2.0
// Whether a request is worth queueing: how long it would wait, estimated from what waits before it
// and from how fast the engines have lately been, against the time that its caller has. A refusal
// at once, with a time to come back at, is better than an answer that nobody waits for. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/result.h"

namespace neso {

// How much work a model's engines do in a second. One thread at a time.
class ServiceRate {
 public:
  // Work that was done, and the time that one engine took for it.
  void ran(size_t cost, int64_t busy_ns);
  // Of all `engines`; 0 until there is enough to go by.
  double cost_per_second(size_t engines) const;

 private:
  double cost_ = 0;  // both fade with busy time, so that the last seconds count
  double busy_ns_ = 0;
};

struct Workload {
  double cost_per_second = 0;  // 0: not known
  size_t cost_before = 0;      // queued and running
  size_t cost = 0;             // the request's own
};

// A request that no caller's deadline limits is refused when it would wait longer than that.
constexpr int64_t kLongestWaitNs = 120'000'000'000;

// Overloaded, with the time until it would be taken, when the answer would come too late.
std::optional<Error> late_answer(const Workload& load, std::optional<int64_t> deadline_ns,
                                 int64_t now_ns);

// The queue is full: when what waits has gone down by what the request needs.
Error full_queue(const Workload& load);

}  // namespace neso
