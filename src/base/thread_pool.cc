// SPDX-License-Identifier: Apache-2.0
#include "base/thread_pool.h"

#include <pthread.h>

#include <string>
#include <system_error>
#include <utility>

#include "base/contain.h"
#include "base/error.h"

namespace neso {

Result<std::unique_ptr<ThreadPool>> ThreadPool::create(size_t threads, const char* name) {
  constexpr size_t kMaxNameBytes = 15;  // the system refuses longer ones
  const std::string shown_name = std::string(name).substr(0, kMaxNameBytes);
  std::unique_ptr<ThreadPool> pool(new ThreadPool);
  for (size_t i = 0; i < threads; ++i) {
    try {
      pool->threads_.emplace_back([raw = pool.get()] { raw->work(); });
    } catch (const std::system_error& error) {
      return internal_error(
          "cannot start thread {} of {} for '{}': {}; check the limit of processes (ulimit -u)",
          i + 1, threads, name, error.what());
    }
    pthread_setname_np(pool->threads_.back().native_handle(), shown_name.c_str());
  }
  return pool;
}

ThreadPool::~ThreadPool() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ThreadPool::post(std::function<void()> task) {
  // Woken under the lock: once the task has run, whoever waited for it may end the pool.
  MutexLock lock(mutex_);
  queue_.push_back(std::move(task));
  wake_.notify_one();
}

void ThreadPool::work() {
  for (;;) {
    std::function<void()> task;
    {
      MutexLock lock(mutex_);
      while (queue_.empty() && !stopping_) lock.wait(wake_);
      if (queue_.empty()) return;
      task = std::move(queue_.front());
      queue_.pop_front();
    }
    // What the task owns goes with it, and is answered for if it failed.
    contain("a task", [&task] { std::exchange(task, nullptr)(); });
  }
}

}  // namespace neso
