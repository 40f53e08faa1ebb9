// SPDX-License-Identifier: Apache-2.0
// How much one server has in hand, and waiting until it is nothing. Any thread.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>

namespace neso::net {

class Activity {
 public:
  // A connection is open until its socket is closed; it serves until no answer can come from it any
  // more (it may then still linger for the client to read the last one).
  void connection_opened() {
    connections_.fetch_add(1);
    serving_.fetch_add(1);
  }
  void connection_closed() { connections_.fetch_sub(1); }
  void serving_ended() { end(serving_, 1); }
  void request_begun() { requests_.fetch_add(1); }
  void requests_ended(size_t count) { end(requests_, count); }

  size_t connections() const { return connections_.load(); }
  size_t requests() const { return requests_.load(); }

  // Waits until no request is left and, if asked, no connection serves. False when `limit` passed
  // before.
  bool wait_quiet(bool connections_too, std::chrono::milliseconds limit) {
    std::unique_lock lock(mutex_);
    return quiet_.wait_for(lock, limit, [&] {
      return requests_.load() == 0 && (!connections_too || serving_.load() == 0);
    });
  }

 private:
  void end(std::atomic<size_t>& counter, size_t count) {
    if (count == 0 || counter.fetch_sub(count) != count) return;
    // The lock orders this after a waiter's check, which would otherwise miss the notification.
    {
      std::lock_guard lock(mutex_);
    }
    quiet_.notify_all();
  }

  std::atomic<size_t> connections_{0};
  std::atomic<size_t> serving_{0};
  std::atomic<size_t> requests_{0};
  std::mutex mutex_;
  std::condition_variable quiet_;
};

}  // namespace neso::net
