// SPDX-License-Identifier: Apache-2.0
// The threads of one engine. The caller of run() is member 0; the others wait for work, spinning
// for some microseconds after the last (waking a thread costs as much as a short text), then
// parked.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "base/result.h"

namespace neso {

inline constexpr size_t kCacheLine = 128;  // two lines: neighbours are fetched in pairs

// Waits until all members have arrived, again and again.
class Barrier {
 public:
  explicit Barrier(size_t members) : members_(static_cast<uint32_t>(members)) {}
  void arrive_and_wait();

 private:
  const uint32_t members_;
  alignas(kCacheLine) std::atomic<uint32_t> arrived_ = 0;
  alignas(kCacheLine) std::atomic<uint32_t> generation_ = 0;
};

class WorkerTeam {
 public:
  // Starts members - 1 threads. Fails with a sentence when the system refuses one.
  static Result<std::unique_ptr<WorkerTeam>> create(size_t members);
  ~WorkerTeam();
  WorkerTeam(const WorkerTeam&) = delete;
  WorkerTeam& operator=(const WorkerTeam&) = delete;

  size_t members() const { return threads_.size() + 1; }

  // Calls work(member) once per member, concurrently; returns when all have returned. The team's
  // own threads flush denormals. One caller at a time. work must not throw.
  void run(const std::function<void(size_t)>& work);

 private:
  WorkerTeam() = default;
  void serve(size_t member);

  const std::function<void(size_t)>* work_ = nullptr;  // written before job_ moves, read after
  alignas(kCacheLine) std::atomic<uint32_t> job_ = 0;
  alignas(kCacheLine) std::atomic<uint32_t> working_ = 0;
  std::atomic<bool> stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace neso
