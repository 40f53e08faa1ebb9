// SPDX-License-Identifier: Apache-2.0
#include "scheduling/answer_order.h"

#include <utility>

#include "base/contain.h"

namespace neso {

Completion<JobOutput> AnswerOrder::place(Completion<JobOutput> done) {
  MutexLock lock(mutex_);
  const uint64_t place = next_place_++;
  const auto entry = places_.try_emplace(place).first;
  Completion<JobOutput>::Callback answer;
  try {
    answer = [self = shared_from_this(), place](Result<JobOutput> result) {
      self->answered(place, std::move(result));
    };
  } catch (...) {
    places_.erase(entry);  // nobody would ever answer it, nor those after it
    throw;
  }
  entry->second.done = std::move(done);
  return Completion<JobOutput>(std::move(answer));
}

// Allocates nothing: an answer that were lost here would hold up all that come after it.
void AnswerOrder::answered(uint64_t place, Result<JobOutput> result) {
  MutexLock lock(mutex_);
  places_.at(place).result = std::move(result);
  if (std::exchange(answering_, true)) return;
  while (!places_.empty() && places_.begin()->second.result) {
    auto next = places_.extract(places_.begin());
    mutex_.unlock();
    contain("answering a request", [&] { next.mapped().done(*std::move(next.mapped().result)); });
    mutex_.lock();
  }
  answering_ = false;
}

}  // namespace neso
