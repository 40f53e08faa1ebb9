// SPDX-License-Identifier: Apache-2.0
#include "model/prepare_texts.h"

#include <algorithm>
#include <condition_variable>
#include <memory>
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
      : helpers_(life.helpers),
        source_(source),
        prompt_(prompt),
        texts_(texts),
        truncate_(truncate),
        life_(life),
        results_(texts.size()) {
    size_t bytes = 0;
    for (size_t i = 0; i < texts.size(); ++i) {
      bytes += prompt.size() + texts[i].size();
      if (bytes < kPieceBytes && i + 1 < texts.size()) continue;
      ends_.push_back(i + 1);
      bytes = 0;
    }
    returned_.reserve(ends_.size());
  }

  void call_helpers() {
    if (helpers_ == nullptr) return;
    // The caller is one of those who work. Without memory for more, fewer do.
    const size_t most = std::min(helpers_->threads(), ends_.size());
    contain("asking for help with many texts", [&] {
      for (size_t i = 1; i < most; ++i) call_helper();
    });
  }

  // The caller's part; returns when nobody uses what is his any more.
  Result<std::vector<Result<PreparedText>>> work() EXCLUDES(mutex_) {
    while (const auto piece = begin(Who::Caller)) run(*piece, Who::Caller);
    MutexLock lock(mutex_);
    if (no_memory_) return out_of_memory();  // made where it may fail
    if (failure_) return *std::move(failure_);
    std::vector<Result<PreparedText>> results;
    results.reserve(results_.size());
    for (auto& result : results_) results.push_back(*std::move(result));
    return results;
  }

 private:
  enum class Who { Caller, Helper };

  void call_helper() {
    helpers_->post([self = shared_from_this()] { self->help(); });
  }

  // One piece, and what else waits for the thread before the next. Behind run() the caller may be
  // gone.
  void help() {
    const auto piece = begin(Who::Helper);
    if (piece && run(*piece, Who::Helper)) call_helper();
  }

  // A piece to do. The caller waits for those that others do, which may come back to him.
  std::optional<size_t> begin(Who who) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (who == Who::Helper) return alone_ ? std::nullopt : next();
    while (true) {
      caller_is_alone_ = alone_ && running_ == 0;
      if (!alone_ || caller_is_alone_) {
        if (const auto piece = next()) return piece;
      }
      if (running_ == 0) return std::nullopt;
      lock.wait(ended_);
    }
  }

  std::optional<size_t> next() REQUIRES(mutex_) {
    if (failure_ || no_memory_) return std::nullopt;
    std::optional<size_t> piece;
    if (!returned_.empty()) {
      piece = returned_.back();
      returned_.pop_back();
    } else if (next_ < ends_.size()) {
      piece = next_++;
    }
    if (piece) ++running_;
    return piece;
  }

  // False when there was no memory for the piece. Then the caller goes on alone, with one text at a
  // time: only what fails so is a failure.
  bool run(size_t piece, Who who) noexcept EXCLUDES(mutex_) {
    std::optional<Error> failure;
    bool no_memory = false;
    try {
      failure = prepare(piece, who);
      no_memory = failure && failure->code == ErrorCode::Overloaded;
    } catch (...) {  // std::bad_alloc; nothing else is thrown
      no_memory = true;
    }
    MutexLock lock(mutex_);
    --running_;
    if (no_memory && (who == Who::Helper || !caller_is_alone_)) {
      alone_ = true;
      returned_.push_back(piece);
    } else if (failure) {
      if (!failure_) failure_ = std::move(failure);
    } else if (no_memory) {
      no_memory_ = true;
    }
    ended_.notify_all();
    return !no_memory;
  }

  // What ends the request, if anything does.
  std::optional<Error> prepare(size_t piece, Who who) {
    RequestLife life = life_;
    // One share belongs to one thread at a time.
    if (who == Who::Helper && life.memory)
      life.memory = std::make_shared<MemoryShare>(life.memory->another());
    for (size_t i = piece == 0 ? 0 : ends_[piece - 1]; i < ends_[piece]; ++i) {
      auto prepared = source_.prepare(prompt_, texts_[i], truncate_, life);
      if (!prepared && ends_request(prepared.error())) return std::move(prepared).error();
      results_[i] = std::move(prepared);
    }
    return std::nullopt;
  }

  ThreadPool* const helpers_;
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
  size_t next_ GUARDED_BY(mutex_) = 0;               // piece
  std::vector<size_t> returned_ GUARDED_BY(mutex_);  // pieces; has room for all
  size_t running_ GUARDED_BY(mutex_) = 0;
  std::optional<Error> failure_ GUARDED_BY(mutex_);
  bool no_memory_ GUARDED_BY(mutex_) = false;
  bool alone_ GUARDED_BY(mutex_) = false;            // helpers take no more pieces
  bool caller_is_alone_ GUARDED_BY(mutex_) = false;  // with the piece that he has
};

}  // namespace

Result<std::vector<Result<PreparedText>>> prepare_texts(const TextInput& source,
                                                        std::string_view prompt,
                                                        std::span<const std::string_view> texts,
                                                        bool truncate, const RequestLife& life) {
  const auto batch = std::make_shared<Batch>(source, prompt, texts, truncate, life);
  batch->call_helpers();
  return batch->work();
}

}  // namespace neso
