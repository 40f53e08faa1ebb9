// SPDX-License-Identifier: Apache-2.0
// Clang's thread-safety attributes and a mutex that carries them (gcc ignores them; ./dev lint
// checks with clang).
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

#if defined(__clang__)
#define NESO_THREAD_ATTRIBUTE(x) __attribute__((x))
#else
#define NESO_THREAD_ATTRIBUTE(x)
#endif

#undef GUARDED_BY  // absl's, which gRPC's headers bring; it says the same
#define GUARDED_BY(x) NESO_THREAD_ATTRIBUTE(guarded_by(x))
#define REQUIRES(...) NESO_THREAD_ATTRIBUTE(requires_capability(__VA_ARGS__))
#define EXCLUDES(...) NESO_THREAD_ATTRIBUTE(locks_excluded(__VA_ARGS__))

namespace neso {

class NESO_THREAD_ATTRIBUTE(capability("mutex")) Mutex {
 public:
  void lock() NESO_THREAD_ATTRIBUTE(acquire_capability()) { mutex_.lock(); }
  void unlock() NESO_THREAD_ATTRIBUTE(release_capability()) { mutex_.unlock(); }
  std::mutex& native() { return mutex_; }

 private:
  std::mutex mutex_;
};

class NESO_THREAD_ATTRIBUTE(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) NESO_THREAD_ATTRIBUTE(acquire_capability(mutex))
      : lock_(mutex.native()) {}
  ~MutexLock() NESO_THREAD_ATTRIBUTE(release_capability()) {}
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

  // Releases the mutex while waiting; check the condition in a loop around it.
  void wait(std::condition_variable& condition) { condition.wait(lock_); }
  // The same; false when the deadline has passed.
  bool wait_until(std::condition_variable& condition,
                  std::chrono::steady_clock::time_point deadline) {
    return condition.wait_until(lock_, deadline) == std::cv_status::no_timeout;
  }

 private:
  std::unique_lock<std::mutex> lock_;
};

}  // namespace neso
