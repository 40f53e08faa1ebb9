// SPDX-License-Identifier: Apache-2.0
#include "serving/prepare_texts.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <new>
#include <optional>
#include <utility>

#include "base/contain.h"
#include "base/error.h"
#include "base/thread_annotations.h"

namespace neso {
namespace {

// Of one piece: about a millisecond of tokenizing.
constexpr size_t kPieceBytes = 4096;

// Outlives the call: a helper that comes late finds nothing left to do.
class Batch : public std::enable_shared_from_this<Batch> {
 public:
  Batch(const TextInput& source, std::string_view prompt, std::span<const std::string_view> texts,
        bool truncate, const RequestLife& life)
      : source_(source), prompt_(prompt), texts_(texts), truncate_(truncate), life_(life) {
    size_t bytes = 0;
    for (size_t i = 0; i < texts.size(); ++i) {
      bytes += prompt.size() + texts[i].size();
      if (bytes < kPieceBytes && i + 1 < texts.size()) continue;
      ends_.push_back(i + 1);
      bytes = 0;
    }
    results_.resize(texts.size());
  }

  void call_helpers() {
    if (life_.helpers == nullptr) return;
    // The caller is one of those who work.
    const size_t most = std::min(life_.helpers->threads(), ends_.size());
    for (size_t i = 1; i < most; ++i) call_helper();
  }

  // Until none is left to begin.
  void work() {
    while (run_one(life_)) {
    }
  }

  Result<std::vector<Result<PreparedText>>> wait() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    while (running_ > 0) lock.wait(ended_);
    if (failure_) return *std::move(failure_);
    std::vector<Result<PreparedText>> results;
    results.reserve(results_.size());
    for (auto& result : results_) results.push_back(*std::move(result));
    return results;
  }

 private:
  void call_helper() {
    life_.helpers->post([self = shared_from_this()] { self->help(); });
  }

  // One piece, and what else waits for the thread before the next.
  void help() {
    RequestLife life;
    {
      MutexLock lock(mutex_);
      if (next_ == ends_.size() || failure_) return;
      life = life_;  // the caller is there as long as something is left
    }
    // A share of its own: one belongs to one thread at a time.
    if (life.memory) life.memory = std::make_shared<MemoryShare>(life.memory->another());
    if (run_one(life)) call_helper();
  }

  // False when there was none left.
  bool run_one(const RequestLife& life) EXCLUDES(mutex_) {
    size_t piece = 0;
    {
      MutexLock lock(mutex_);
      if (next_ == ends_.size() || failure_) return false;
      piece = next_++;
      ++running_;
    }
    std::optional<Error> failure;
    try {
      failure = run(piece, life);
    } catch (const std::bad_alloc&) {
      failure = out_of_memory();
    }
    MutexLock lock(mutex_);
    if (failure && !failure_) failure_ = std::move(failure);
    if (--running_ == 0) ended_.notify_all();
    return true;
  }

  std::optional<Error> run(size_t piece, const RequestLife& life) {
    for (size_t i = piece == 0 ? 0 : ends_[piece - 1]; i < ends_[piece]; ++i) {
      auto prepared = source_.prepare(prompt_, texts_[i], truncate_, life);
      if (!prepared && ends_request(prepared.error())) return std::move(prepared).error();
      results_[i] = std::move(prepared);
    }
    return std::nullopt;
  }

  // What the caller has; gone when he has returned.
  const TextInput& source_;
  const std::string_view prompt_;
  const std::span<const std::string_view> texts_;
  const bool truncate_;
  const RequestLife& life_;

  std::vector<size_t> ends_;                                  // of the pieces, in texts
  std::vector<std::optional<Result<PreparedText>>> results_;  // each written by one thread
  Mutex mutex_;
  std::condition_variable ended_;
  size_t next_ GUARDED_BY(mutex_) = 0;  // piece
  size_t running_ GUARDED_BY(mutex_) = 0;
  std::optional<Error> failure_ GUARDED_BY(mutex_);
};

}  // namespace

Result<std::vector<Result<PreparedText>>> prepare_texts(const TextInput& source,
                                                        std::string_view prompt,
                                                        std::span<const std::string_view> texts,
                                                        bool truncate, const RequestLife& life) {
  const auto batch = std::make_shared<Batch>(source, prompt, texts, truncate, life);
  batch->call_helpers();
  batch->work();
  return batch->wait();
}

}  // namespace neso
