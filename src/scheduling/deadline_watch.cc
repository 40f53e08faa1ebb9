// SPDX-License-Identifier: Apache-2.0
#include "scheduling/deadline_watch.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <set>
#include <thread>
#include <utility>

#include "base/contain.h"
#include "base/start_thread.h"
#include "base/thread_annotations.h"

namespace neso {
namespace {

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
constexpr int64_t kShortestWaitNs = 1'000'000;
constexpr int64_t kLongestWaitNs = 3600'000'000'000;  // what is added to now must not overflow
constexpr int64_t kRetryNs = 100'000'000;             // after a call that had no memory

}  // namespace

// An entry belongs to its Watched. The thread uses it without the lock only while it is `called`,
// which the end of the Watched waits for.
struct DeadlineWatch::Watched::Entry {
  Expire expire;
  int64_t due_ns = kNever;  // under the state's lock
};

struct DeadlineWatch::State {
  explicit State(const Clock& with) : clock(with) {}
  using Entry = Watched::Entry;

  // What is due first; null when nothing is.
  Entry* first() const REQUIRES(mutex) {
    const auto first = std::ranges::min_element(entries, {}, &Entry::due_ns);
    return first == entries.end() || (*first)->due_ns == kNever ? nullptr : *first;
  }

  void work() EXCLUDES(mutex) {
    while (Entry* entry = next()) {
      std::optional<int64_t> again_ns = clock.now_ns() + kRetryNs;
      contain("ending what waited too long", [&] { again_ns = entry->expire(clock.now_ns()); });
      MutexLock lock(mutex);
      // due() may have been told of something earlier meanwhile.
      if (again_ns) entry->due_ns = std::min(entry->due_ns, *again_ns);
      called = nullptr;
      changed.notify_all();
    }
  }

  // Waits until something is due, and marks it as called; null: the watch ends.
  Entry* next() EXCLUDES(mutex) {
    MutexLock lock(mutex);
    while (!closed) {
      Entry* const entry = first();
      const int64_t wait_ns = entry == nullptr ? 0 : entry->due_ns - clock.now_ns();
      wake_ns = entry == nullptr ? kNever : entry->due_ns;
      if (entry == nullptr) {
        lock.wait(changed);
      } else if (wait_ns <= 0) {
        entry->due_ns = kNever;
        called = entry;
        return entry;
      } else {
        const auto wait =
            std::chrono::nanoseconds(std::clamp(wait_ns, kShortestWaitNs, kLongestWaitNs));
        lock.wait_until(changed, std::chrono::steady_clock::now() + wait);
      }
    }
    return nullptr;
  }

  const Clock& clock;
  Mutex mutex;
  std::condition_variable changed;
  std::set<Entry*> entries GUARDED_BY(mutex);
  const Entry* called GUARDED_BY(mutex) = nullptr;
  int64_t wake_ns GUARDED_BY(mutex) = kNever;  // when the thread looks again
  bool closed GUARDED_BY(mutex) = false;
  std::thread thread;  // set once, by start()
};

Result<std::unique_ptr<DeadlineWatch>> DeadlineWatch::start(const Clock& clock) {
  std::unique_ptr<DeadlineWatch> watch(new DeadlineWatch());
  watch->state_ = std::make_shared<State>(clock);
  NESO_TRY(watch->state_->thread, start_thread("deadlines", "watching deadlines",
                                               [state = watch->state_.get()] { state->work(); }));
  return watch;
}

DeadlineWatch::~DeadlineWatch() {
  {
    MutexLock lock(state_->mutex);
    state_->closed = true;
    state_->changed.notify_all();
  }
  if (state_->thread.joinable()) state_->thread.join();
}

std::unique_ptr<DeadlineWatch::Watched> DeadlineWatch::add(Expire expire) {
  return std::unique_ptr<Watched>(new Watched(state_, std::move(expire)));
}

DeadlineWatch::Watched::Watched(std::shared_ptr<State> state, Expire expire)
    : state_(std::move(state)), entry_(new Entry{.expire = std::move(expire)}) {
  MutexLock lock(state_->mutex);
  state_->entries.insert(entry_.get());
}

DeadlineWatch::Watched::~Watched() {
  MutexLock lock(state_->mutex);
  state_->entries.erase(entry_.get());
  while (state_->called == entry_.get()) lock.wait(state_->changed);
}

void DeadlineWatch::Watched::due(int64_t at_ns) {
  MutexLock lock(state_->mutex);
  entry_->due_ns = std::min(entry_->due_ns, at_ns);
  if (at_ns < state_->wake_ns) state_->changed.notify_all();
}

}  // namespace neso
