// SPDX-License-Identifier: Apache-2.0
// A fixed set of threads and what waits for them, for work that must not run on I/O threads.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "base/result.h"
#include "base/thread_annotations.h"

namespace neso {

class ThreadPool {
 public:
  // Fails with a sentence when the system refuses a thread.
  static Result<std::unique_ptr<ThreadPool>> create(size_t threads, const char* name);
  // Finishes what is queued, then joins.
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // Any thread, also from inside a task. A task must not throw; if it does, that is logged.
  void post(std::function<void()> task) EXCLUDES(mutex_);
  // A task that somebody waits for and that takes well under a millisecond: it goes before those of
  // post(), which still get every eighth turn.
  void post_brief(std::function<void()> task) EXCLUDES(mutex_);
  size_t threads() const { return threads_.size(); }

 private:
  ThreadPool() = default;
  void work();
  Mutex mutex_;
  std::condition_variable wake_;
  using Queue = std::deque<std::function<void()>>;
  void push(Queue& queue, std::function<void()> task) REQUIRES(mutex_);
  std::function<void()> take() REQUIRES(mutex_);
  Queue queue_ GUARDED_BY(mutex_);
  Queue brief_ GUARDED_BY(mutex_);
  int brief_turns_ GUARDED_BY(mutex_) = 0;  // one after the other
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace neso
