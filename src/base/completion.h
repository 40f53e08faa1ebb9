// SPDX-License-Identifier: Apache-2.0
// Completion<T>: a move-only, one-shot callback. It fires exactly once: called, or, when it is
// destroyed unfired (an allocation failed on the way, a queue was torn down), with an Overloaded
// error: nobody waits for ever.
#pragma once

#include <functional>
#include <new>
#include <utility>

#include "base/result.h"

namespace neso {

template <typename T>
class Completion {
 public:
  using Callback = std::function<void(Result<T>)>;
  Completion() = default;
  explicit Completion(Callback callback) : callback_(std::move(callback)) {}
  Completion(Completion&& other) noexcept : callback_(std::exchange(other.callback_, nullptr)) {}
  Completion& operator=(Completion&& other) noexcept {
    if (this != &other) {
      abandon();
      callback_ = std::exchange(other.callback_, nullptr);
    }
    return *this;
  }
  Completion(const Completion&) = delete;
  Completion& operator=(const Completion&) = delete;
  ~Completion() { abandon(); }

  // Fires with a value or an error, on the calling thread; later calls do nothing.
  void operator()(Result<T> result) {
    if (auto callback = std::exchange(callback_, nullptr)) callback(std::move(result));
  }
  explicit operator bool() const { return static_cast<bool>(callback_); }

 private:
  void abandon() noexcept {
    if (!callback_) return;
    Error error{ErrorCode::Overloaded, {}};
    try {
      error.message =
          "the server dropped the request before it was answered, for lack of memory or because it "
          "stops; try again later";
    } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch): then without words
    }
    try {
      (*this)(std::move(error));
    } catch (...) {  // NOLINT(bugprone-empty-catch): what the callback owned has fired in turn
    }
  }
  Callback callback_;
};

}  // namespace neso
