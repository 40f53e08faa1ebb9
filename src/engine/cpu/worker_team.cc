// SPDX-License-Identifier: Apache-2.0
#include "engine/cpu/worker_team.h"

#include <pthread.h>

#include <chrono>
#include <system_error>

#include "base/error.h"
#include "simd/flush_denormals.h"

namespace neso {
namespace {

constexpr std::chrono::microseconds kSpin{40};

void pause_briefly() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Returns once the value is another one than `old`.
void wait_for_change(const std::atomic<uint32_t>& value, uint32_t old) {
  constexpr int kLooks = 64;  // between two looks at the clock
  const auto end = std::chrono::steady_clock::now() + kSpin;
  do {
    for (int i = 0; i < kLooks; ++i) {
      if (value.load(std::memory_order_acquire) != old) return;
      pause_briefly();
    }
  } while (std::chrono::steady_clock::now() < end);
  value.wait(old, std::memory_order_acquire);
}

}  // namespace

void Barrier::arrive_and_wait() {
  const uint32_t generation = generation_.load(std::memory_order_acquire);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == members_) {
    arrived_.store(0, std::memory_order_relaxed);
    generation_.store(generation + 1, std::memory_order_release);
    generation_.notify_all();
  } else {
    wait_for_change(generation_, generation);
  }
}

Result<std::unique_ptr<WorkerTeam>> WorkerTeam::create(size_t members) {
  std::unique_ptr<WorkerTeam> team(new WorkerTeam);
  for (size_t member = 1; member < members; ++member) {
    try {
      team->threads_.emplace_back([raw = team.get(), member] { raw->serve(member); });
    } catch (const std::system_error& error) {
      return internal_error(
          "cannot start thread {} of {} for the CPU engine: {}; check the limit of processes "
          "(ulimit -u)",
          member, members - 1, error.what());
    }
    pthread_setname_np(team->threads_.back().native_handle(), "neso-cpu");
  }
  return team;
}

WorkerTeam::~WorkerTeam() {
  stopping_.store(true, std::memory_order_relaxed);
  job_.fetch_add(1, std::memory_order_release);
  job_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void WorkerTeam::run(const std::function<void(size_t)>& work) {
  if (!threads_.empty()) {
    work_ = &work;
    working_.store(static_cast<uint32_t>(threads_.size()), std::memory_order_relaxed);
    job_.fetch_add(1, std::memory_order_release);
    job_.notify_all();
  }
  work(0);
  for (uint32_t left; (left = working_.load(std::memory_order_acquire)) != 0;)
    wait_for_change(working_, left);
}

void WorkerTeam::serve(size_t member) {
  const ScopedFlushDenormals flush;
  for (uint32_t job = 0;; ++job) {
    wait_for_change(job_, job);
    if (stopping_.load(std::memory_order_relaxed)) return;
    (*work_)(member);
    if (working_.fetch_sub(1, std::memory_order_acq_rel) == 1) working_.notify_all();
  }
}

}  // namespace neso
