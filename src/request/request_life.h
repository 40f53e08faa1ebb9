// SPDX-License-Identifier: Apache-2.0
// What may end a request before its answer, looked at between the pieces of long work: the client
// left, its time is over, the server has no memory for the next piece.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include "base/clock.h"
#include "base/memory_budget.h"
#include "base/result.h"
#include "base/thread_pool.h"

namespace neso {

struct RequestLife {
  std::shared_ptr<const std::atomic<bool>> gone = {};  // the client left; may be null
  std::optional<int64_t> deadline_ns = {};
  std::shared_ptr<MemoryShare> memory = {};  // may be null
  const Clock* clock = nullptr;              // of the deadline
  ThreadPool* helpers = nullptr;             // for long work; may be null

  // Cancelled or DeadlineExceeded when nobody waits for the answer any more.
  Result<> still_wanted() const;
  // Grows what the request holds to `bytes`, or says why not.
  Result<> hold(uint64_t bytes) const;
};

// An error that ends the whole request, not just the text that met it.
bool ends_request(const Error& error);

// Memory for one piece of work, on top of what the request holds; given back with this object.
class WorkMemory {
 public:
  static Result<WorkMemory> take(const RequestLife& life, uint64_t bytes);

 private:
  WorkMemory() = default;
  struct Shrink {
    uint64_t bytes;
    void operator()(MemoryShare* share) const { share->set(share->bytes() - bytes); }
  };
  std::unique_ptr<MemoryShare, Shrink> taken_;
};

}  // namespace neso
