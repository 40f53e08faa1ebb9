// SPDX-License-Identifier: Apache-2.0
// Destroys models on a thread of its own. The last one to let go of a model may be a thread of its
// own scheduler, which could not wait for itself to end.
#pragma once

#include <chrono>
#include <memory>
#include <span>

#include "base/result.h"
#include "model/model.h"

namespace neso {

class ModelReaper {
 public:
  static Result<std::unique_ptr<ModelReaper>> start();
  // Destroys what has been let go of. Models that live on are destroyed where the last holder lets
  // go: by then their schedulers must be stopped.
  ~ModelReaper();
  ModelReaper(const ModelReaper&) = delete;
  ModelReaper& operator=(const ModelReaper&) = delete;

  // The model in shared hands. Any thread.
  std::shared_ptr<Model> share(std::unique_ptr<Model> model);
  // Waits until all of them are destroyed, and what they held is given back; false when `limit`
  // passed before. Any thread that holds none of them.
  bool wait_until_gone(std::span<const std::weak_ptr<Model>> models,
                       std::chrono::milliseconds limit);

 private:
  ModelReaper();
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace neso
