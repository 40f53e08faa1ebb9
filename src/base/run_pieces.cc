// SPDX-License-Identifier: Apache-2.0
#include "base/run_pieces.h"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <memory>
#include <optional>
#include <utility>

#include "base/contain.h"
#include "base/thread_annotations.h"

namespace neso {
namespace {

// Outlives the call: a helper that comes late finds nothing left to do.
class Pieces : public std::enable_shared_from_this<Pieces> {
 public:
  Pieces(ThreadPool* helpers, size_t count, const std::function<void(size_t)>& piece)
      : helpers_(helpers), count_(count), piece_(piece) {}

  void call_helpers() {
    if (helpers_ == nullptr) return;
    // The caller is one of those who work. Without memory for more, fewer do.
    const size_t most = std::min(helpers_->threads(), count_);
    contain("asking for help with long work", [&] {
      for (size_t i = 1; i < most; ++i) call_helper();
    });
  }

  // The caller's part; returns when nobody uses `piece` any more.
  void work() EXCLUDES(mutex_) {
    while (const auto number = begin()) run(*number);
    MutexLock lock(mutex_);
    while (running_ > 0) lock.wait(ended_);
    if (thrown_) std::rethrow_exception(std::exchange(thrown_, nullptr));
  }

 private:
  void call_helper() {
    helpers_->post([self = shared_from_this()] { self->help(); });
  }

  // Behind run() the caller may be gone.
  void help() {
    const auto number = begin();
    if (!number) return;
    run(*number);
    call_helper();
  }

  std::optional<size_t> begin() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (thrown_ || next_ == count_) return std::nullopt;
    ++running_;
    return next_++;
  }

  void run(size_t number) noexcept EXCLUDES(mutex_) {
    std::exception_ptr thrown;
    try {
      piece_(number);
    } catch (...) {
      thrown = std::current_exception();
    }
    MutexLock lock(mutex_);
    --running_;
    if (thrown) {
      next_ = count_;
      if (!thrown_) thrown_ = std::move(thrown);
    }
    ended_.notify_all();
  }

  ThreadPool* const helpers_;
  const size_t count_;
  const std::function<void(size_t)>& piece_;  // the caller's; gone when he has returned
  Mutex mutex_;
  std::condition_variable ended_;
  size_t next_ GUARDED_BY(mutex_) = 0;
  size_t running_ GUARDED_BY(mutex_) = 0;
  std::exception_ptr thrown_ GUARDED_BY(mutex_);  // the first
};

}  // namespace

void run_pieces(ThreadPool* helpers, size_t count, const std::function<void(size_t)>& piece) {
  const auto pieces = std::make_shared<Pieces>(helpers, count, piece);
  pieces->call_helpers();
  pieces->work();
}

}  // namespace neso
