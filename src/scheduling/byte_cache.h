// SPDX-License-Identifier: Apache-2.0
// A cache that is bounded in bytes: exact keys, shared values, the least recently used goes first.
#pragma once

#include <cstdint>
#include <iterator>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/thread_annotations.h"

namespace neso {

// Any thread.
template <typename Value>
class ByteCache {
 public:
  explicit ByteCache(uint64_t capacity) : capacity_(capacity) {}

  // Null when it is not there (any more).
  std::shared_ptr<const Value> find(std::string_view key) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, found->second);
    return found->second->value;
  }

  // `bytes` are the value's; key and bookkeeping are counted on top. What would not fit even alone
  // is not kept. Answers whether it is.
  bool put(std::string key, std::shared_ptr<const Value> value, uint64_t bytes) EXCLUDES(mutex_) {
    const uint64_t total = bytes + key.size() + kEntryBytes;
    if (bytes > capacity_ || total > capacity_) return false;
    MutexLock lock(mutex_);
    if (const auto found = by_key_.find(key); found != by_key_.end()) drop(found->second);
    while (bytes_ > capacity_ - total) {
      drop(std::prev(entries_.end()));
      ++evictions_;
    }
    entries_.push_front({std::move(key), std::move(value), total});
    try {
      by_key_.emplace(entries_.front().key, entries_.begin());
    } catch (...) {
      entries_.pop_front();
      throw;
    }
    bytes_ += total;
    return true;
  }

  struct Levels {
    uint64_t bytes = 0;
    uint64_t entries = 0;
    uint64_t evictions = 0;  // so far, for want of room
  };
  Levels levels() const EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return {.bytes = bytes_, .entries = entries_.size(), .evictions = evictions_};
  }
  uint64_t capacity() const { return capacity_; }

 private:
  static constexpr uint64_t kEntryBytes = 160;  // of the list, the table and the value's block
  struct Entry {
    std::string key;
    std::shared_ptr<const Value> value;
    uint64_t bytes = 0;
  };
  using Entries = std::list<Entry>;

  void drop(typename Entries::iterator entry) REQUIRES(mutex_) {
    bytes_ -= entry->bytes;
    by_key_.erase(entry->key);
    entries_.erase(entry);
  }

  const uint64_t capacity_;
  mutable Mutex mutex_;
  Entries entries_ GUARDED_BY(mutex_);  // the most recently used first
  std::unordered_map<std::string_view, typename Entries::iterator> by_key_ GUARDED_BY(mutex_);
  uint64_t bytes_ GUARDED_BY(mutex_) = 0;
  uint64_t evictions_ GUARDED_BY(mutex_) = 0;
};

}  // namespace neso
