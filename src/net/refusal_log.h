// SPDX-License-Identifier: Apache-2.0
// Log lines about refused requests: at most one per peer address and minute, so that a hostile or
// broken client cannot fill the log.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/thread_annotations.h"

namespace neso::net {

class RefusalLog {
 public:
  explicit RefusalLog(const Clock& clock) : clock_(clock) {}

  // `peer` is "address:port"; `words` are those that the client is told. Returns whether a line was
  // written. Any thread.
  bool note(std::string_view server, std::string_view peer, std::string_view status,
            std::string_view words) EXCLUDES(mutex_);

 private:
  const Clock& clock_;
  Mutex mutex_;
  int64_t minute_ GUARDED_BY(mutex_) = 0;
  // Addresses with a line in this minute. Bounded; peers beyond the bound get no line.
  std::set<std::string, std::less<>> peers_ GUARDED_BY(mutex_);
};

}  // namespace neso::net
