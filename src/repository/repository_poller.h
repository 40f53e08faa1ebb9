// SPDX-License-Identifier: Apache-2.0
// --model-control-mode=poll: a thread that looks at the repositories again and again.
#pragma once

#include <chrono>
#include <memory>

#include "base/result.h"
#include "repository/repository.h"

namespace neso {

class RepositoryPoller {
 public:
  // Repository::poll every `pause`, counted from the end of the one before. `repository` outlives
  // the poller.
  static Result<std::unique_ptr<RepositoryPoller>> start(Repository& repository,
                                                         std::chrono::milliseconds pause);
  // Waits for a look that is under way.
  ~RepositoryPoller();
  RepositoryPoller(const RepositoryPoller&) = delete;
  RepositoryPoller& operator=(const RepositoryPoller&) = delete;

 private:
  RepositoryPoller();
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace neso
