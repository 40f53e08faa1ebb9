// SPDX-License-Identifier: Apache-2.0
// One thread for all schedulers: what waits in their queues is answered when its time is over, also
// while every engine is busy.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "base/clock.h"
#include "base/result.h"

namespace neso {

// Any thread.
class DeadlineWatch {
 public:
  // Fails when the system gives no thread. `clock` outlives it.
  static Result<std::unique_ptr<DeadlineWatch>> start(const Clock& clock);
  // From then on nothing is watched any more. Not on its own thread.
  ~DeadlineWatch();
  DeadlineWatch(const DeadlineWatch&) = delete;
  DeadlineWatch& operator=(const DeadlineWatch&) = delete;

  // Ends what is due at that time and answers when something is due next, if at all. Called on the
  // watch's thread, without any of its locks.
  using Expire = std::function<std::optional<int64_t>(int64_t now_ns)>;
  class Watched;
  // It is not called before Watched::due(), nor after the end of what this answers, which may come
  // after the end of the watch.
  std::unique_ptr<Watched> add(Expire expire);

 private:
  struct State;
  DeadlineWatch() = default;
  std::shared_ptr<State> state_;
};

// Any thread; but its end not on the watch's, whose call it waits for.
class DeadlineWatch::Watched {
 public:
  ~Watched();
  Watched(const Watched&) = delete;
  Watched& operator=(const Watched&) = delete;

  // Something is due then, or earlier. May be called under the locks that `expire` takes.
  void due(int64_t at_ns);

 private:
  friend class DeadlineWatch;
  struct Entry;
  Watched(std::shared_ptr<State> state, Expire expire);
  const std::shared_ptr<State> state_;
  const std::unique_ptr<Entry> entry_;
};

}  // namespace neso
