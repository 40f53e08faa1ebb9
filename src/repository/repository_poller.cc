// SPDX-License-Identifier: Apache-2.0
#include "repository/repository_poller.h"

#include <condition_variable>
#include <thread>

#include "base/start_thread.h"
#include "base/thread_annotations.h"

namespace neso {

struct RepositoryPoller::State {
  // False: the poller ends.
  bool pause(std::chrono::milliseconds length) EXCLUDES(mutex) {
    const auto end = std::chrono::steady_clock::now() + length;
    MutexLock lock(mutex);
    while (!stopping && lock.wait_until(wake, end)) {
    }
    return !stopping;
  }

  Mutex mutex;
  std::condition_variable wake;
  bool stopping GUARDED_BY(mutex) = false;
  std::thread thread;  // set once, by start()
};

RepositoryPoller::RepositoryPoller() : state_(std::make_unique<State>()) {}

Result<std::unique_ptr<RepositoryPoller>> RepositoryPoller::start(Repository& repository,
                                                                  std::chrono::milliseconds pause) {
  std::unique_ptr<RepositoryPoller> poller(new RepositoryPoller());
  NESO_TRY(poller->state_->thread, start_thread("poll", "looking at the repositories",
                                                [&repository, pause, state = poller->state_.get()] {
                                                  while (state->pause(pause)) repository.poll();
                                                }));
  return poller;
}

RepositoryPoller::~RepositoryPoller() {
  {
    MutexLock lock(state_->mutex);
    state_->stopping = true;
    state_->wake.notify_all();
  }
  if (state_->thread.joinable()) state_->thread.join();
}

}  // namespace neso
