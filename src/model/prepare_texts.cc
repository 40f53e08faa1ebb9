// SPDX-License-Identifier: Apache-2.0
#include "model/prepare_texts.h"

#include <memory>
#include <new>
#include <optional>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/run_pieces.h"
#include "base/thread_annotations.h"

namespace neso {
namespace {

// Of one piece: about a millisecond of tokenizing.
constexpr size_t kPieceBytes = 4096;

class Batch {
 public:
  Batch(const TextInput& source, std::string_view prompt, std::span<const std::string_view> texts,
        bool truncate, const RequestLife& life)
      : source_(source),
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
    postponed_.reserve(ends_.size());
  }

  Result<std::vector<Result<PreparedText>>> work() EXCLUDES(mutex_) {
    run_pieces(life_.helpers, ends_.size(), [this](size_t piece) { try_piece(piece); });
    MutexLock lock(mutex_);  // nobody else is left
    // One text at a time: only what fails so is a failure.
    for (const size_t piece : postponed_) {
      if (!failure_) failure_ = prepare(piece);
    }
    if (failure_) return *std::move(failure_);
    std::vector<Result<PreparedText>> results;
    results.reserve(results_.size());
    for (auto& result : results_) results.push_back(*std::move(result));
    return results;
  }

 private:
  // On any thread, beside others. From the first piece on for which there is no memory, the rest is
  // postponed.
  void try_piece(size_t piece) EXCLUDES(mutex_) {
    {
      MutexLock lock(mutex_);
      if (failure_) return;
      if (!postponed_.empty()) return postponed_.push_back(piece);
    }
    auto failure = prepare(piece);
    if (!failure) return;
    MutexLock lock(mutex_);
    if (failure->code == ErrorCode::Overloaded) {
      postponed_.push_back(piece);
    } else if (!failure_) {
      failure_ = std::move(failure);
    }
  }

  // What ends the request, if anything does.
  std::optional<Error> prepare(size_t piece) {
    try {
      RequestLife life = life_;
      // One share belongs to one thread at a time.
      if (life.memory && std::this_thread::get_id() != caller_)
        life.memory = std::make_shared<MemoryShare>(life.memory->another());
      for (size_t i = piece == 0 ? 0 : ends_[piece - 1]; i < ends_[piece]; ++i) {
        auto prepared = source_.prepare(prompt_, texts_[i], truncate_, life);
        if (!prepared && ends_request(prepared.error())) return std::move(prepared).error();
        results_[i] = std::move(prepared);
      }
      return std::nullopt;
    } catch (const std::bad_alloc&) {
      return out_of_memory();
    }
  }

  const std::thread::id caller_ = std::this_thread::get_id();
  const TextInput& source_;
  const std::string_view prompt_;
  const std::span<const std::string_view> texts_;
  const bool truncate_;
  const RequestLife& life_;

  std::vector<size_t> ends_;                                  // of the pieces, in texts
  std::vector<std::optional<Result<PreparedText>>> results_;  // each written by one thread
  Mutex mutex_;
  std::vector<size_t> postponed_ GUARDED_BY(mutex_);  // pieces; has room for all
  std::optional<Error> failure_ GUARDED_BY(mutex_);
};

}  // namespace

Result<std::vector<Result<PreparedText>>> prepare_texts(const TextInput& source,
                                                        std::string_view prompt,
                                                        std::span<const std::string_view> texts,
                                                        bool truncate, const RequestLife& life) {
  return Batch(source, prompt, texts, truncate, life).work();
}

}  // namespace neso
