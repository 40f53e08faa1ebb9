// SPDX-License-Identifier: Apache-2.0
// Where the time of our encoder goes, by operation. Off unless somebody gives the engine a Profile;
// then it costs two looks at the clock per operation and block of rows.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/clock.h"

namespace neso {

enum class Operation {
  Embed,    // rows of the tables, their norm
  Convert,  // rows into the format of a product
  QueryKeyValue,
  Rotate,
  PackKeys,  // keys and values of a head as right-hand sides
  Scores,
  Softmax,
  Weighting,  // the weighted values
  Output,     // attention's own product
  Norm,       // both of a layer
  Up,         // with gate and activation
  Down,
  Wait,  // for other members
  Pool,
};
inline constexpr std::array<std::string_view, 14> kOperationNames = {
    "embed",   "convert",   "query, key, value",
    "rotate",  "pack keys", "scores",
    "softmax", "weighting", "output",
    "norm",    "up",        "down",
    "wait",    "pool"};

// Summed over threads. Any thread.
class Profile {
 public:
  explicit Profile(const Clock& clock) : clock_(clock) {}

  void add(Operation operation, int64_t ns) {
    ns_[static_cast<size_t>(operation)].fetch_add(ns, std::memory_order_relaxed);
  }
  int64_t ns(Operation operation) const {
    return ns_[static_cast<size_t>(operation)].load(std::memory_order_relaxed);
  }
  int64_t now_ns() const { return clock_.now_ns(); }

 private:
  const Clock& clock_;
  std::array<std::atomic<int64_t>, kOperationNames.size()> ns_{};
};

// One thread's time since it last looked.
class Stopwatch {
 public:
  explicit Stopwatch(Profile* profile) : profile_(profile) { start(); }  // null: measures nothing

  // What passed until now belongs to nothing.
  void start() {
    if (profile_ != nullptr) last_ns_ = profile_->now_ns();
  }
  void lap(Operation operation) {
    if (profile_ == nullptr) return;
    const int64_t now = profile_->now_ns();
    profile_->add(operation, now - last_ns_);
    last_ns_ = now;
  }

 private:
  Profile* profile_;
  int64_t last_ns_ = 0;
};

}  // namespace neso
