// SPDX-License-Identifier: Apache-2.0
#include "repository/model_reaper.h"

#include <algorithm>
#include <condition_variable>
#include <list>
#include <thread>
#include <utility>

#include "base/start_thread.h"
#include "base/thread_annotations.h"

namespace neso {

using Dead = std::list<std::unique_ptr<Model>>;

struct ModelReaper::State {
  // Hands a model to the thread, or leaves it to the caller when there is none any more. No
  // allocation: it is called where nothing may fail.
  void bury(Dead& model) noexcept EXCLUDES(mutex) {
    MutexLock lock(mutex);
    if (closed) return;
    dead.splice(dead.end(), model);
    changed.notify_all();
  }

  void work() EXCLUDES(mutex) {
    Dead buried;
    for (;;) {
      {
        MutexLock lock(mutex);
        busy = false;
        changed.notify_all();
        while (dead.empty() && !closed) lock.wait(changed);
        if (dead.empty()) return;
        buried.swap(dead);
        busy = true;
      }
      buried.clear();
    }
  }

  bool gone(std::span<const std::weak_ptr<Model>> models) const REQUIRES(mutex) {
    return dead.empty() && !busy &&
           std::ranges::all_of(models, [](const auto& model) { return model.expired(); });
  }

  Mutex mutex;
  std::condition_variable changed;
  Dead dead GUARDED_BY(mutex);
  bool busy GUARDED_BY(mutex) = false;
  bool closed GUARDED_BY(mutex) = false;
  std::thread thread;  // set once, by start()
};

ModelReaper::ModelReaper() : state_(std::make_shared<State>()) {}

Result<std::unique_ptr<ModelReaper>> ModelReaper::start() {
  std::unique_ptr<ModelReaper> reaper(new ModelReaper());
  NESO_TRY(reaper->state_->thread, start_thread("unload", "unloading models",
                                                [state = reaper->state_.get()] { state->work(); }));
  return reaper;
}

ModelReaper::~ModelReaper() {
  {
    MutexLock lock(state_->mutex);
    state_->closed = true;
    state_->changed.notify_all();
  }
  if (state_->thread.joinable()) state_->thread.join();
}

std::shared_ptr<Model> ModelReaper::share(std::unique_ptr<Model> model) {
  const auto grave = std::make_shared<Dead>(1);
  return {model.release(), [state = state_, grave](Model* last) {
            grave->front().reset(last);
            state->bury(*grave);
            grave->clear();  // of what was not taken
          }};
}

bool ModelReaper::wait_until_gone(std::span<const std::weak_ptr<Model>> models,
                                  std::chrono::milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  MutexLock lock(state_->mutex);
  while (!state_->gone(models)) {
    if (!lock.wait_until(state_->changed, deadline)) return state_->gone(models);
  }
  return true;
}

}  // namespace neso
