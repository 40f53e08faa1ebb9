// SPDX-License-Identifier: Apache-2.0
// The bytes that models and requests may hold together. Whoever is about to hold many takes a share
// first, and is refused while that would be more than the budget: an answer that says so is better
// than a process that the system ends.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <utility>

#include "base/metrics.h"
#include "base/result.h"

namespace neso {

enum class MemoryUse { Model, Request };

class MemoryShare;

// Any thread.
class MemoryBudget {
 public:
  static constexpr uint64_t kUnlimited = std::numeric_limits<uint64_t>::max();
  explicit MemoryBudget(uint64_t limit_bytes) : limit_(limit_bytes) {}
  MemoryBudget(const MemoryBudget&) = delete;
  MemoryBudget& operator=(const MemoryBudget&) = delete;

  // Shows the levels as neso_memory_budget_bytes and neso_request_bytes_in_flight. Once, before
  // other threads use the budget.
  void publish(MetricRegistry& metrics);

  uint64_t limit() const { return limit_; }
  uint64_t held_by_models() const { return models_.load(std::memory_order_relaxed); }
  uint64_t held_by_requests() const { return requests_.load(std::memory_order_relaxed); }
  uint64_t free() const;
  // What was given back since the program started: only grows, and tells whether there was work.
  uint64_t given_back() const { return given_back_.load(std::memory_order_relaxed); }

  // Why `bytes` more for a request are refused: TooLarge when they would not fit even alone, else
  // Overloaded.
  Error request_refusal(uint64_t bytes) const;

 private:
  friend class MemoryShare;
  bool take(MemoryUse use, uint64_t bytes);
  void take_anyway(MemoryUse use, uint64_t bytes);
  void give_back(MemoryUse use, uint64_t bytes);
  void count(MemoryUse use, uint64_t bytes, bool more);

  const uint64_t limit_;
  std::atomic<uint64_t> taken_ = 0;
  std::atomic<uint64_t> models_ = 0;
  std::atomic<uint64_t> requests_ = 0;
  std::atomic<uint64_t> given_back_ = 0;
  std::shared_ptr<Metric> limit_metric_;
  std::shared_ptr<Metric> requests_metric_;
};

// What one holder has taken; given back with it. One thread at a time. Without a budget everything
// is granted.
class MemoryShare {
 public:
  MemoryShare() = default;
  // Nothing yet. `budget` outlives the share, or is null.
  MemoryShare(MemoryBudget* budget, MemoryUse use) : budget_(budget), use_(use) {}
  MemoryShare(MemoryShare&& other) noexcept
      : budget_(other.budget_), use_(other.use_), bytes_(std::exchange(other.bytes_, 0)) {}
  MemoryShare& operator=(MemoryShare&& other) noexcept;
  ~MemoryShare() { set(0); }

  uint64_t bytes() const { return bytes_; }
  // One of the same budget, for another thread; holds nothing yet.
  MemoryShare another() const { return {budget_, use_}; }
  // Takes or gives back the difference to `bytes`; false, and nothing changes, when it does not
  // fit.
  bool resize(uint64_t bytes);
  // Why resize() refused: MemoryBudget::request_refusal.
  Error refusal(uint64_t bytes) const { return budget_->request_refusal(bytes); }
  // As resize(), without asking: for memory that is in use already. What comes after it is refused.
  void set(uint64_t bytes);

 private:
  MemoryBudget* budget_ = nullptr;
  MemoryUse use_ = MemoryUse::Request;
  uint64_t bytes_ = 0;
};

}  // namespace neso
