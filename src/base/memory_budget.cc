// SPDX-License-Identifier: Apache-2.0
#include "base/memory_budget.h"

#include <algorithm>

#include "base/error.h"

namespace neso {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;

uint64_t whole_mib(uint64_t bytes) {
  return bytes / kMiB + (bytes % kMiB != 0 ? 1 : 0);
}

}  // namespace

void MemoryBudget::publish(MetricRegistry& metrics) {
  limit_metric_ = metrics.series("neso_memory_budget_bytes", MetricKind::Gauge,
                                 "Bytes that models and requests in flight may hold together", {});
  limit_metric_->set(static_cast<double>(limit_));
  requests_metric_ =
      metrics.series("neso_request_bytes_in_flight", MetricKind::Gauge,
                     "Bytes that requests in flight hold: bodies, decoded inputs, answers", {});
}

uint64_t MemoryBudget::free() const {
  const uint64_t taken = taken_.load(std::memory_order_relaxed);
  return limit_ - std::min(limit_, taken);
}

bool MemoryBudget::take(MemoryUse use, uint64_t bytes) {
  uint64_t taken = taken_.load(std::memory_order_relaxed);
  do {
    if (taken > limit_ || bytes > limit_ - taken) return false;
  } while (!taken_.compare_exchange_weak(taken, taken + bytes, std::memory_order_relaxed));
  count(use, bytes, true);
  return true;
}

void MemoryBudget::take_anyway(MemoryUse use, uint64_t bytes) {
  taken_.fetch_add(bytes, std::memory_order_relaxed);
  count(use, bytes, true);
}

void MemoryBudget::give_back(MemoryUse use, uint64_t bytes) {
  count(use, bytes, false);
  taken_.fetch_sub(bytes, std::memory_order_relaxed);
  given_back_.fetch_add(bytes, std::memory_order_relaxed);
}

void MemoryBudget::count(MemoryUse use, uint64_t bytes, bool more) {
  std::atomic<uint64_t>& held = use == MemoryUse::Model ? models_ : requests_;
  if (more) {
    held.fetch_add(bytes, std::memory_order_relaxed);
  } else {
    held.fetch_sub(bytes, std::memory_order_relaxed);
  }
  if (use == MemoryUse::Request && requests_metric_) {
    requests_metric_->add(more ? static_cast<double>(bytes) : -static_cast<double>(bytes));
  }
}

Error MemoryBudget::request_refusal(uint64_t bytes) const {
  const uint64_t allowance = limit_ - std::min(limit_, held_by_models());
  if (bytes > allowance) {
    return too_large(
        "the request takes {} MiB of memory, more than the {} MiB that all requests together may "
        "have; send it in parts, or start the server with a larger --memory-budget-mb",
        whole_mib(bytes), allowance / kMiB);
  }
  return overloaded(
      "the server has no memory for the request now: it takes {} MiB, and of the {} MiB for all "
      "requests {} MiB are in use; try again later",
      whole_mib(bytes), allowance / kMiB, whole_mib(held_by_requests()));
}

MemoryShare& MemoryShare::operator=(MemoryShare&& other) noexcept {
  std::swap(budget_, other.budget_);
  std::swap(use_, other.use_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

bool MemoryShare::resize(uint64_t bytes) {
  if (budget_ != nullptr && bytes > bytes_ && !budget_->take(use_, bytes - bytes_)) return false;
  if (budget_ != nullptr && bytes < bytes_) budget_->give_back(use_, bytes_ - bytes);
  bytes_ = bytes;
  return true;
}

void MemoryShare::set(uint64_t bytes) {
  if (budget_ != nullptr && bytes > bytes_) budget_->take_anyway(use_, bytes - bytes_);
  if (budget_ != nullptr && bytes < bytes_) budget_->give_back(use_, bytes_ - bytes);
  bytes_ = bytes;
}

}  // namespace neso
