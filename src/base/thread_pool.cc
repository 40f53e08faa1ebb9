// SPDX-License-Identifier: Apache-2.0
#include "base/thread_pool.h"

#include <pthread.h>

#include <algorithm>
#include <string>
#include <system_error>
#include <utility>

#include "base/contain.h"
#include "base/error.h"

namespace neso {

constexpr int kTurnsOfBriefOnes = 8;  // of which the last is another's

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
  MutexLock lock(mutex_);
  push(queue_, std::move(task));
}

void ThreadPool::post_brief(std::function<void()> task) {
  MutexLock lock(mutex_);
  push(brief_, std::move(task));
}

// Wakes under the lock: once the task has run, whoever waited for it may end the pool.
void ThreadPool::push(Queue& queue, std::function<void()> task) {
  queue.push_back(std::move(task));
  wake_.notify_one();
}

// The next one; empty when there is none.
std::function<void()> ThreadPool::take() {
  const bool is_brief = !brief_.empty() && (queue_.empty() || brief_turns_ + 1 < kTurnsOfBriefOnes);
  brief_turns_ = is_brief ? std::min(brief_turns_ + 1, kTurnsOfBriefOnes) : 0;
  Queue& queue = is_brief ? brief_ : queue_;
  if (queue.empty()) return nullptr;
  auto task = std::move(queue.front());
  queue.pop_front();
  return task;
}

void ThreadPool::work() {
  for (;;) {
    std::function<void()> task;
    {
      MutexLock lock(mutex_);
      while (!(task = take()) && !stopping_) lock.wait(wake_);
      if (!task) return;
    }
    // What the task owns goes with it, and is answered for if it failed.
    contain("a task", [&task] { std::exchange(task, nullptr)(); });
  }
}

}  // namespace neso
