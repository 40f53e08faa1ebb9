// SPDX-License-Identifier: Apache-2.0
// Log lines about requests that the server itself refused: at most one per peer address and minute,
// so that a hostile or broken client cannot fill the log.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/thread_annotations.h"
#include "net/grammar.h"

namespace neso::net {

class RefusalLog {
 public:
  explicit RefusalLog(const Clock& clock) : clock_(clock) {}

  // `peer` is "address:port". Returns whether a line was written. Any thread.
  bool note(std::string_view server, std::string_view peer, const Refusal& refusal)
      EXCLUDES(mutex_);

 private:
  const Clock& clock_;
  Mutex mutex_;
  int64_t minute_ GUARDED_BY(mutex_) = 0;
  // Addresses with a line in this minute. Bounded; peers beyond the bound get no line.
  std::set<std::string, std::less<>> peers_ GUARDED_BY(mutex_);
};

}  // namespace neso::net
