// SPDX-License-Identifier: Apache-2.0
// Says in the log that a model's runs fail, without a line for each: a broken model under load
// would else fill the disk with one sentence.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "base/thread_annotations.h"

namespace neso {

// Any thread.
class FailureLog {
 public:
  // `write` gets the sentences; the clock outlives this.
  FailureLog(std::string model, const Clock& clock,
             std::function<void(const std::string&)> write = log_as_error);

  // A batch of `requests` has failed: written when it is the first, and then once a minute with the
  // number of those that were left out. What a client's input caused is only told to the client.
  void failed(size_t requests, const Error& error) EXCLUDES(mutex_);

 private:
  static void log_as_error(const std::string& sentence);

  const std::string model_;
  const Clock& clock_;
  const std::function<void(const std::string&)> write_;
  Mutex mutex_;
  std::optional<int64_t> written_ns_ GUARDED_BY(mutex_);
  uint64_t left_out_ GUARDED_BY(mutex_) = 0;
};

}  // namespace neso
