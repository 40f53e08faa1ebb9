// SPDX-License-Identifier: Apache-2.0
// Answers that leave in the order in which their requests came (preserve_ordering), whichever
// engine is done first.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>

#include "base/thread_annotations.h"
#include "scheduling/job.h"

namespace neso {

// Made with std::make_shared. Any thread; answers are given one at a time.
class AnswerOrder : public std::enable_shared_from_this<AnswerOrder> {
 public:
  // A completion that answers `done` once all that got their places before have answered.
  Completion<JobOutput> place(Completion<JobOutput> done) EXCLUDES(mutex_);

 private:
  struct Place {
    Completion<JobOutput> done = {};
    std::optional<Result<JobOutput>> result = {};
  };
  void answered(uint64_t place, Result<JobOutput> result) EXCLUDES(mutex_);

  Mutex mutex_;
  std::map<uint64_t, Place> places_ GUARDED_BY(mutex_);  // not answered, in order
  uint64_t next_place_ GUARDED_BY(mutex_) = 0;
  bool answering_ GUARDED_BY(mutex_) = false;
};

}  // namespace neso
